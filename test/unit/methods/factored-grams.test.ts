import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mergeContributions } from '../../../merger/merge/merge-contributions.ts';
import type { MergeOptions } from '../../../merger/merge/merge-options.ts';
import type { MergeReport } from '../../../merger/merge/merge-report.ts';
import { packUpper } from '../../../shared/contribution/gram-packing.ts';
import { type GramToWrite, writeGrams } from '../../../shared/contribution/write-grams.ts';
import { denseGram, type FactoredGram } from '../../../shared/linalg/factored-gram.ts';
import { openSafetensors } from '../../../shared/safetensors/open-safetensors.ts';
import { writeSafetensors } from '../../../shared/safetensors/write-safetensors.ts';
import { quietContext } from '../../support/run-context.ts';
import { randomMatrix } from '../linalg/naive.ts';

const [inputs, outputs, rows] = [40, 6, 100];
const layers = new Map([['dense', 'dense']]);

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'regmean-factored-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** A Gram that is a factor and a diagonal, in the numbers that a file keeps. */
function gramOf(seed: number, rank: number): FactoredGram {
  const factor = randomMatrix(rank, inputs, seed);
  const diagonal = randomMatrix(1, inputs, seed + 50).data.map((value) => 1 + value ** 2);
  for (const [at, value] of factor.data.entries()) {
    factor.data[at] = Math.fround(value);
    const i = at % inputs;
    diagonal[i] = (diagonal[i] as number) + (factor.data[at] as number) ** 2;
  }
  return { factor, diagonal: diagonal.map(Math.fround) };
}

type Form = 'factored' | 'dense';

async function contribution(name: string, seed: number, form: Form, rank: number): Promise<string> {
  const folder = join(root, name);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'config.json'), JSON.stringify({ model_type: 'custom' }));
  const weight = Float32Array.from(randomMatrix(outputs, inputs, seed + 100).data);
  await writeSafetensors(join(folder, 'model.safetensors'), [
    { name: 'dense.weight', shape: [outputs, inputs], data: weight },
  ]);
  const gram = gramOf(seed, rank);
  const own = { name: 'dense', dimension: inputs, rows };
  const written: GramToWrite =
    form === 'factored' ? { ...own, ...gram } : { ...own, packed: packUpper(denseGram(gram).data, inputs) };
  await writeGrams(join(folder, 'grams.safetensors'), [written], layers);
  return folder;
}

async function merged(
  forms: readonly Form[],
  options: Partial<MergeOptions> = {},
  rank = 4,
): Promise<{ readonly weight: Float32Array; readonly report: MergeReport }> {
  const folders: string[] = [];
  const label = `${forms.join('-')}-${rank}-${JSON.stringify(options).length}`;
  for (const [index, form] of forms.entries()) {
    folders.push(await contribution(`${label}-${index}`, index + 1, form, rank));
  }
  const out = join(root, `${label}-fused`);
  const report = await mergeContributions(folders, { method: 'regmean', out, ...options }, quietContext);
  const file = await openSafetensors(join(out, 'model.safetensors'));
  const { data } = await file.readFloat32('dense.weight');
  await file.close();
  return { weight: data, report };
}

describe('RegMean with factored Grams', () => {
  it.each<[string, Partial<MergeOptions>]>([
    ['by default', {}],
    ['with alpha 1', { alpha: 1 }],
    ['with alpha 0', { alpha: 0 }],
    ['with a ridge', { ridge: 0.3 }],
    ['by rows', { gramScale: 'sum' }],
    ['with coefficients', { coefficients: [0.6, 0.3, 0.1] }],
  ])('is RegMean with the dense Grams that they stand for, %s', async (_, options) => {
    const factored = await merged(['factored', 'factored', 'factored'], options);
    const dense = await merged(['dense', 'dense', 'dense'], options);
    for (const [at, value] of factored.weight.entries()) {
      expect(value).toBeCloseTo(dense.weight[at] as number, 5);
    }
    expect(factored.report.groups[0]?.relativeResidual).toBeLessThan(1e-10);
  });

  it('takes factored and dense ones in one merge, and diagonals alone', async () => {
    const mixed = await merged(['factored', 'dense', 'factored']);
    const dense = await merged(['dense', 'dense', 'dense']);
    for (const [at, value] of mixed.weight.entries())
      expect(value).toBeCloseTo(dense.weight[at] as number, 5);
    const diagonals = await merged(['factored', 'factored'], {}, 0);
    const [a, b] = [gramOf(1, 0).diagonal, gramOf(2, 0).diagonal];
    const weights = [randomMatrix(outputs, inputs, 101).data, randomMatrix(outputs, inputs, 102).data];
    for (const [at, value] of diagonals.weight.entries()) {
      const [own, other] = [a[at % inputs] as number, b[at % inputs] as number];
      const expected = (own * Number(weights[0]?.[at]) + other * Number(weights[1]?.[at])) / (own + other);
      expect(value).toBeCloseTo(expected, 5);
    }
  });

  it('needs no memory of the size of dense ones', async () => {
    const bytes = async (form: Form): Promise<number> => (await merged([form, form])).report.memory.bytes;
    expect((await bytes('dense')) - (await bytes('factored'))).toBe(
      8 * 3 * inputs ** 2 - 8 * (3 * 8 * inputs + 8 * 8),
    );
  });
});
