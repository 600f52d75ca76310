import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkFactoredGram } from '../../../shared/contribution/check-gram-values.ts';
import {
  dimensionOfPacked,
  packedLength,
  packUpper,
  unpackSymmetric,
} from '../../../shared/contribution/gram-packing.ts';
import { layerWeight } from '../../../shared/contribution/layer-weights.ts';
import { type GramFile, gramFactor, openGrams } from '../../../shared/contribution/open-grams.ts';
import { writeGrams } from '../../../shared/contribution/write-grams.ts';
import { openSafetensors } from '../../../shared/safetensors/open-safetensors.ts';
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

  it('reads factored Grams beside dense ones: exact diagonals, and what the factor says of the rest', async () => {
    const factor = { rows: 1, columns: 2, data: Float64Array.of(2, 3) };
    const none = { rows: 0, columns: 2, data: new Float64Array(0) };
    await writeGrams(
      path,
      [
        { name: 'q', dimension: 2, rows: 8, factor, diagonal: Float64Array.of(8, 16) },
        { name: 'first', dimension: 2, rows: 8, factor: none, diagonal: Float64Array.of(4, 5) },
        { name: 'dense', dimension: 1, rows: 8, packed: Float32Array.of(7) },
      ],
      new Map([
        ['q', 'q'],
        ['first', 'first'],
        ['dense', 'dense'],
      ]),
    );
    const file = await openGrams(path);
    expect(file.grams.get('q')).toEqual({ dimension: 2, rows: 8, storage: 'factored', rank: 1 });
    expect(file.grams.get('dense')).toEqual({ dimension: 1, rows: 8, storage: 'packed' });
    expect(await file.readFactored('q')).toEqual({ factor, diagonal: Float64Array.of(8, 16) });
    expect(await read(file, 'q', 'mean')).toEqual(Float64Array.of(1, 0.75, 0.75, 2));
    expect(await read(file, 'first', 'sum')).toEqual(Float64Array.of(4, 0, 0, 5));
    await file.close();
    const raw = await openSafetensors(path);
    expect([...raw.metadata].filter(([key]) => key === 'format' || key === 'ranks')).toEqual([
      ['format', 'regmean-grams/2'],
      ['ranks', '{"q":1,"first":0}'],
    ]);
    expect([...raw.tensors.keys()].sort()).toEqual(['dense', 'first.diagonal', 'q.diagonal', 'q.factor']);
    await raw.close();
  });

  it('rejects factored Grams whose parts do not fit one another', async () => {
    const metadata = { format: 'regmean-grams/2', ranks: '{"g":2}', rows: '{"g":4}', layers: '{"g":"g"}' };
    const refusalOf = async (
      factor: readonly number[] | null,
      diagonal: readonly number[] | null,
      changes: Record<string, string> = {},
    ): Promise<string> => {
      const part = (name: string, shape: readonly number[] | null) =>
        shape === null ? [] : [{ name, shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) }];
      await writeSafetensors(path, [...part('g.factor', factor), ...part('g.diagonal', diagonal)], {
        ...metadata,
        ...changes,
      });
      return openGrams(path).then(
        (file) => file.close().then(() => 'accepted'),
        (error: Error) => error.message.replace(path, 'FILE'),
      );
    };
    expect(await refusalOf([2, 3], [3])).toBe('accepted');
    expect(await refusalOf([1, 3], [3])).toBe('FILE: Gram g: g.factor must be [2, 3], got [1, 3]');
    expect(await refusalOf(null, [3])).toBe('FILE: Gram g: g.factor must be [2, 3], there is none');
    expect(await refusalOf([2, 3], [3], { ranks: '{"g":0}' })).toBe(
      'FILE: Gram g: g.factor must be absent, got [2, 3]',
    );
    expect(await refusalOf([2, 3], null)).toBe(
      'FILE: Gram g: a factored Gram needs its diagonal [d] as g.diagonal',
    );
    expect(await refusalOf([2, 3], [3], { rows: '{}' })).toBe(
      'FILE: Gram g: a factored Gram needs its row count in metadata rows',
    );
    expect(await refusalOf([2, 3], [3], { ranks: '{"g":-1}' })).toBe(
      'FILE: metadata ranks must map names to numbers of rows',
    );
  });

  it('refuses values that no Gram can have', async () => {
    const refuse = (factor: number, diagonal: number): void =>
      checkFactoredGram('FILE: Gram g', {
        factor: { rows: 1, columns: 1, data: Float64Array.of(factor) },
        diagonal: Float64Array.of(diagonal),
      });
    expect(() => refuse(2, 4)).not.toThrow();
    expect(() => refuse(2, 3)).toThrow('entry [0, 0] must be at least that of the factor, 4, is 3');
    expect(() => refuse(0, -1)).toThrow('entry [0, 0] must be finite and not negative, is -1');
    expect(() => refuse(Number.NaN, 1)).toThrow('must be at least that of the factor, NaN, is 1');
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
