import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openFisher } from '../../../shared/contribution/open-fisher.ts';
import { validateContribution } from '../../../shared/contribution/validate-contribution.ts';
import { writeContribution } from '../../../shared/contribution/write-contribution.ts';
import { writeFisher } from '../../../shared/contribution/write-fisher.ts';
import { writeSafetensors } from '../../../shared/safetensors/write-safetensors.ts';
import { writeContributionFolder } from '../../support/contribution-folder.ts';
import { modelWriter } from '../../support/model-writer.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-fisher-'));
});
afterEach(() => rm(folder, { recursive: true }));

const weight = (...values: number[]) => ({ shape: [2], data: Float32Array.from(values) });

/** A contribution with Fisher information of one parameter. */
async function contribute(name: string, values: Float32Array, shape = [values.length]): Promise<string> {
  const modelFolder = await writeContributionFolder(join(folder, 'model'), {
    tensors: [{ name: 'dense.weight', ...weight(1, 2) }],
  });
  const out = join(folder, 'contribution');
  await writeContribution(out, {
    ...{ writeModel: modelWriter(modelFolder), grams: [], layers: new Map() },
    fisher: {
      tensors: new Map([[name, { shape, data: values }]]),
      ...{ variant: 'soft', reduction: 'example', examples: 7 },
    },
    manifest: {
      ...{ agent: 'north', baseFingerprint: '0'.repeat(64), task: 'text-classification' },
      ...{ labels: ['no', 'yes'], metrics: {}, tool: 'test' },
      fisher: { variant: 'soft', reduction: 'example', examples: 7 },
    },
  });
  return out;
}

describe('fisher.safetensors', () => {
  it('says of which kind it is, and from how many examples', async () => {
    const path = join(folder, 'fisher.safetensors');
    await writeFisher(path, {
      tensors: new Map([['dense.weight', weight(1, 2)]]),
      ...{ variant: 'hard', reduction: 'batch', examples: 64 },
    });
    const file = await openFisher(path);
    expect(file).toMatchObject({ variant: 'hard', reduction: 'batch', examples: 64 });
    expect((await file.readFloat32('dense.weight')).data).toEqual(Float32Array.of(1, 2));
    await file.close();
  });

  it('may have been made elsewhere, then its kind is not known', async () => {
    const path = join(folder, 'fisher.safetensors');
    await writeSafetensors(path, [{ name: 'dense.weight', ...weight(1, 2) }], {
      format: 'pt',
      variant: 'other',
    });
    const file = await openFisher(path);
    expect(file.variant).toBeUndefined();
    await file.close();
  });

  it('holds floating point numbers, and metadata that are known', async () => {
    const path = join(folder, 'fisher.safetensors');
    await writeSafetensors(path, [{ name: 'ids', shape: [1], data: Int32Array.of(1) }]);
    await expect(openFisher(path)).rejects.toThrow('tensor ids must be floating point, is I32');
    const metadata = { format: 'regmean-fisher/1', variant: 'other' };
    await writeSafetensors(path, [{ name: 'dense.weight', ...weight(1, 2) }], metadata);
    await expect(openFisher(path)).rejects.toThrow(/fisher.safetensors: metadata variant: /);
  });
});

describe('a contribution with Fisher information', () => {
  it('is valid when every value is finite and not negative', async () => {
    const out = await contribute('dense.weight', Float32Array.of(0, 3));
    expect((await validateContribution(out, { fisher: true })).fisher).toMatchObject({ variant: 'soft' });
  });

  it.each([
    [
      'negative values',
      'dense.weight',
      Float32Array.of(1, -1),
      'must be finite and not negative, value 1 is -1',
    ],
    ['values that are no numbers', 'dense.weight', Float32Array.of(Number.NaN, 1), 'value 0 is NaN'],
    [
      'a parameter that the model does not have',
      'other',
      Float32Array.of(1),
      'tensor other is no parameter of',
    ],
    ['another shape', 'dense.weight', Float32Array.of(1, 2, 3), 'must have shape [2], got [3]'],
  ])('is refused for %s', async (_, name, values, message) => {
    const out = await contribute(name, values);
    await expect(validateContribution(out)).rejects.toMatchObject({ code: 'refused' });
    await expect(validateContribution(out)).rejects.toThrow(message);
  });

  it('is refused without it where the round wants it', async () => {
    const modelFolder = await writeContributionFolder(join(folder, 'model'), {
      tensors: [{ name: 'dense.weight', ...weight(1, 2) }],
    });
    const out = join(folder, 'bare');
    await writeContribution(out, {
      ...{ writeModel: modelWriter(modelFolder), grams: [], layers: new Map() },
      manifest: {
        ...{ agent: 'north', baseFingerprint: '0'.repeat(64), task: 'text-classification' },
        ...{ labels: ['no', 'yes'], metrics: {}, tool: 'test' },
      },
    });
    await expect(validateContribution(out, { fisher: true })).rejects.toThrow('must hold Fisher information');
  });
});
