import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { mergeContributions } from '../../../merger/merge/merge-contributions.ts';
import { writeContribution } from '../../../shared/contribution/write-contribution.ts';
import { writeContributionFolder } from '../../support/contribution-folder.ts';
import { modelWriter } from '../../support/model-writer.ts';
import { quietContext } from '../../support/run-context.ts';

let folder: string;
const at = (name: string): string => join(folder, name);

async function contribute(agent: string): Promise<void> {
  const tensors = [{ name: 'query.weight', shape: [3, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6) }];
  await writeContributionFolder(at(`${agent}-model`), { tensors, config: { model_type: 'other' } });
  await writeContribution(at(agent), {
    writeModel: modelWriter(at(`${agent}-model`)),
    grams: [{ name: 'query', dimension: 2, rows: 4, packed: Float32Array.of(2, 1, 3) }],
    layers: new Map([['query', 'query']]),
    manifest: {
      ...{ agent, baseFingerprint: 'ab'.repeat(32), task: 'causal-lm', labels: [] },
      ...{ metrics: {}, tool: 'regmean/test' },
    },
  });
}

async function changeLastByte(path: string): Promise<void> {
  const bytes = await readFile(path);
  bytes[bytes.length - 1] = 62;
  await writeFile(path, bytes);
}

const merge = (checkFiles: boolean): Promise<unknown> =>
  mergeContributions([at('a'), at('b')], { method: 'regmean', out: at('fused') }, quietContext, {
    checkFiles,
  });

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-unchanged-'));
  for (const agent of ['a', 'b']) await contribute(agent);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it.each(['model.safetensors', 'grams.safetensors'])(
  'a merge refuses a contribution whose %s was changed after its manifest',
  async (name) => {
    await merge(true);
    await changeLastByte(at(`b/${name}`));
    await expect(merge(true)).rejects.toMatchObject({
      code: 'invalid-input',
      message: `${at('b')}: ${name} does not match contribution.json: it was changed after \`regmean stats\``,
      hint: expect.stringContaining('make the contribution anew'),
    });
    await writeFile(at('b/config.json'), '{ "model_type": "other" }');
    await expect(merge(true)).rejects.toThrow('config.json does not match contribution.json');
    // As a round does, whose files were checked when they arrived.
    await merge(false);
  },
);

it('a merge takes folders without a manifest, and files that it does not name', async () => {
  await rm(at('a/contribution.json'));
  await changeLastByte(at('a/model.safetensors'));
  await writeFile(at('b/notes.txt'), 'read me');
  await merge(true);
});

it('a merge names a file that is gone', async () => {
  await writeFile(at('a-model/vocab.txt'), '[PAD]');
  await rm(at('a'), { recursive: true });
  await contribute('a');
  await merge(true);
  await rm(at('a/vocab.txt'));
  await expect(merge(true)).rejects.toThrow('vocab.txt: no such file, contribution.json names it');
});
