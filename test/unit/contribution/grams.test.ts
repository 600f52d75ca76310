import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  dimensionOfPacked,
  packedLength,
  packUpper,
  unpackSymmetric,
} from '../../../shared/contribution/gram-packing.ts';
import { layerWeight } from '../../../shared/contribution/layer-weights.ts';
import { type GramFile, gramFactor, openGrams } from '../../../shared/contribution/open-grams.ts';
import { writeGrams } from '../../../shared/contribution/write-grams.ts';
import { writeSafetensors } from '../../../shared/safetensors/write-safetensors.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-grams-'));
  path = join(folder, 'grams.safetensors');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('gram packing', () => {
  it('stores the upper triangle row after row, with the diagonal', () => {
    const packed = packUpper(Float64Array.of(1, 2, 3, 0, 4, 5, 0, 0, 6), 3);
    expect(packed).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6));
    expect(unpackSymmetric(packed, 3)).toEqual(Float64Array.of(1, 2, 3, 2, 4, 5, 3, 5, 6));
    expect(unpackSymmetric(packed, 3, { diagonal: 10, offDiagonal: -1 })).toEqual(
      Float64Array.of(10, -2, -3, -2, 40, -5, -3, -5, 60),
    );
  });

  it('unpacks what it packed, across tiles', () => {
    const dimension = 45;
    const square = Float64Array.from({ length: dimension ** 2 }, (_, i) => {
      const [row, column] = [Math.floor(i / dimension), i % dimension];
      return 100 * Math.min(row, column) + Math.max(row, column);
    });
    expect(unpackSymmetric(packUpper(square, dimension), dimension)).toEqual(square);
  });

  it('finds the dimension from the length', () => {
    for (const dimension of [1, 2, 3, 768, 3072]) {
      expect(dimensionOfPacked('gram', packedLength(dimension))).toBe(dimension);
    }
    expect(() => dimensionOfPacked('file: Gram g', 5)).toThrow(
      'file: Gram g: a packed Gram has d(d+1)/2 values, got 5',
    );
    expect(() => dimensionOfPacked('g', 0)).toThrow('got 0');
  });
});

async function read(file: GramFile, name: string, scale: 'sum' | 'mean'): Promise<Float64Array> {
  const factor = gramFactor(file, name, scale);
  return file.readSquare(name, { diagonal: factor, offDiagonal: factor });
}

describe('openGrams', () => {
  it('reads packed sums with their rows and shared layers', async () => {
    const layers = new Map([
      ['q', 'q'],
      ['k', 'q'],
    ]);
    await writeGrams(
      path,
      [{ name: 'q', dimension: 2, rows: 8, packed: async () => Float32Array.of(8, 2, 4) }],
      layers,
    );
    const file = await openGrams(path);
    expect(file.grams.get('q')).toEqual({ dimension: 2, rows: 8, storage: 'packed' });
    expect(file.layers).toEqual(layers);
    expect(await read(file, 'q', 'sum')).toEqual(Float64Array.of(8, 2, 2, 4));
    expect(await read(file, 'q', 'mean')).toEqual(Float64Array.of(1, 0.25, 0.25, 0.5));
    await file.close();
  });

  it('says of unusual weights which parameter they are and how it is stored', async () => {
    const weights = new Map([
      ['q', { parameter: 'q.weight', orientation: 'out-in' as const }],
      ['dense', { parameter: 'dense/kernel', orientation: 'in-out' as const }],
    ]);
    const grams = [{ name: 'q', dimension: 2, rows: 8, packed: Float32Array.of(8, 2, 4) }];
    const layers = new Map([...weights.keys()].map((module) => [module, 'q']));
    await writeGrams(path, grams, layers, weights);
    const file = await openGrams(path);
    expect([...file.weights.keys()]).toEqual(['dense']);
    expect(layerWeight('dense', file.weights, null)).toEqual(weights.get('dense'));
    expect(layerWeight('q', file.weights, null)).toEqual(weights.get('q'));
    await file.close();
  });

  it('reads square Grams made elsewhere as means, one per module', async () => {
    const data = Float32Array.of(1, 2, 2, 5);
    await writeSafetensors(path, [{ name: 'dense', shape: [2, 2], data }], { format: 'pt' });
    const file = await openGrams(path);
    expect(file.layers).toEqual(new Map([['dense', 'dense']]));
    expect(await read(file, 'dense', 'mean')).toEqual(Float64Array.of(1, 2, 2, 5));
    await expect(read(file, 'dense', 'sum')).rejects.toThrow('is a mean of unknown row count');
    await file.close();
  });

  it('takes square Grams as sums when the metadata gives their rows', async () => {
    const data = Float64Array.of(4, 2, 2, 8);
    await writeSafetensors(path, [{ name: 'dense', shape: [2, 2], data }], { rows: '{"dense":4}' });
    const file = await openGrams(path);
    expect(await read(file, 'dense', 'mean')).toEqual(Float64Array.of(1, 0.5, 0.5, 2));
    expect(await read(file, 'dense', 'sum')).toEqual(data);
    await file.close();
  });

  it('refuses a square Gram that is not symmetric, naming the entry, and takes one that was rounded', async () => {
    const square = async (...values: number[]): Promise<Float64Array> => {
      const data = Float32Array.from(values);
      await writeSafetensors(path, [{ name: 'dense', shape: [2, 2], data }], { format: 'pt' });
      const file = await openGrams(path);
      try {
        return await read(file, 'dense', 'mean');
      } finally {
        await file.close();
      }
    };
    await expect(square(1, 2, 3, 9)).rejects.toMatchObject({
      code: 'invalid-input',
      message: `${path}: Gram dense: entry [0, 1] must equal entry [1, 0], 2 and 3`,
    });
    await expect(square(1, 0, 0.5, 9)).rejects.toThrow('entry [0, 1] must equal entry [1, 0], 0 and 0.5');
    expect([...(await square(1, 2, 2.0001, 9))]).toEqual([1, 2, 2.0001, 9].map(Math.fround));
  });

  const gram = { name: 'g', shape: [3], data: Float32Array.of(1, 0, 1) };
  const refusal = async (metadata: Record<string, string>, tensor: object = {}): Promise<string> => {
    await writeSafetensors(path, [{ ...gram, ...tensor }], metadata);
    return openGrams(path).then(
      () => 'accepted',
      (error: Error) => error.message.replace(path, 'FILE'),
    );
  };

  it('rejects metadata that does not agree with the tensors', async () => {
    const format = 'regmean-grams/1';
    expect(await refusal({ format, layers: '{}' })).toBe('FILE: format regmean-grams/1 needs metadata rows');
    expect(await refusal({ format, rows: '{"g":1}' })).toBe(
      'FILE: format regmean-grams/1 needs metadata layers',
    );
    expect(await refusal({ rows: '{' })).toBe('FILE: metadata rows must be JSON');
    expect(await refusal({ rows: '{"g":0}' })).toBe(
      'FILE: metadata rows must map names to positive row counts',
    );
    expect(await refusal({ rows: '{"g":1,"h":1}' })).toBe('FILE: rows name Gram h, which is not there');
    expect(await refusal({ rows: '{"g":1}', layers: '{"g":"h"}' })).toBe(
      'FILE: layer g names Gram h, which is not there',
    );
    expect(await refusal({ rows: '{"g":1}', layers: '{}' })).toBe('FILE: Gram g belongs to no layer');
  });

  it('rejects shapes and dtypes that no Gram has', async () => {
    expect(await refusal({})).toBe('FILE: Gram g: a packed Gram needs its row count in metadata rows');
    expect(await refusal({ rows: '{"g":1}' }, { shape: [2, 2], data: Int32Array.of(1, 0, 0, 1) })).toBe(
      'FILE: Gram g: must be floating point, is I32',
    );
    expect(await refusal({ rows: '{"g":1}' }, { shape: [1, 3] })).toBe(
      'FILE: Gram g: must be packed [d(d+1)/2] or square [d, d], is [1, 3]',
    );
    expect(await refusal({ rows: '{"g":1}' }, { shape: [2], data: Float32Array.of(1, 0) })).toBe(
      'FILE: Gram g: a packed Gram has d(d+1)/2 values, got 2',
    );
  });
});
