import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSafetensors } from '../../../shared/safetensors/open-safetensors.ts';
import { fillSafetensors, writeSafetensors } from '../../../shared/safetensors/write-safetensors.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-safetensors-'));
  path = join(folder, 'out.safetensors');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const differences = (a: Float32Array, b: Float32Array): number =>
  a.reduce((count, value, i) => count + (value === b[i] ? 0 : 1), Math.abs(a.length - b.length));

describe('writeSafetensors', () => {
  it('writes the bytes that the format prescribes, the header padded to eight bytes', async () => {
    await writeSafetensors(path, [{ name: 'w', shape: [2], data: Float32Array.of(1, -2) }]);
    const bytes = await readFile(path);
    const header = '{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}  ';
    expect(bytes.readBigUInt64LE(0)).toBe(56n);
    expect(bytes.subarray(8, 64).toString()).toBe(header);
    expect([...bytes.subarray(64)]).toEqual([0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]);
  });

  it('reads back what was written, of every kind of array, in the order given', async () => {
    await writeSafetensors(
      path,
      [
        { name: 'z.f32', shape: [3], data: Float32Array.of(0.1, -0, Number.POSITIVE_INFINITY) },
        { name: 'f64', shape: [1, 1], data: Float64Array.of(0.1) },
        { name: 'f16', shape: [2], data: Float32Array.of(0.1, 65504), dtype: 'F16' },
        { name: 'bf16', shape: [1], data: Float32Array.of(1 / 3), dtype: 'BF16' },
        { name: 'f32 of f64', shape: [1], data: Float64Array.of(0.1), dtype: 'F32' },
        { name: 'i64', shape: [2], data: BigInt64Array.of(-1n, 2n ** 40n) },
        { name: 'i32', shape: [], data: Int32Array.of(-7) },
        { name: 'raw', shape: [1], data: Uint8Array.of(0, 0x3c), dtype: 'F16' },
        { name: 'a.lazy', shape: [2], data: async () => Float32Array.of(3, 4) },
      ],
      { rows: '{"w":3}', note: 'ü' },
    );
    const file = await openSafetensors(path);
    expect([...file.tensors.keys()][0]).toBe('z.f32');
    expect([...file.tensors.keys()].at(-1)).toBe('a.lazy');
    expect(file.metadata.get('note')).toBe('ü');
    expect((await file.readFloat32('z.f32')).data).toEqual(
      Float32Array.of(0.1, -0, Number.POSITIVE_INFINITY),
    );
    expect(await file.readFloat64('f64')).toEqual(Float64Array.of(0.1));
    expect((await file.readFloat32('f16')).data).toEqual(Float32Array.of(0.0999755859375, 65504));
    expect((await file.readFloat32('bf16')).data).toEqual(Float32Array.of(0.333984375));
    expect((await file.readFloat32('f32 of f64')).data).toEqual(Float32Array.of(0.1));
    expect(await file.readFloat64('i64')).toEqual(Float64Array.of(-1, 2 ** 40));
    expect(await file.readFloat64('i32')).toEqual(Float64Array.of(-7));
    expect((await file.readFloat32('raw')).data).toEqual(Float32Array.of(1));
    expect((await file.readFloat32('a.lazy')).data).toEqual(Float32Array.of(3, 4));
    await file.close();
  });

  it('writes and converts tensors of more than one block', async () => {
    const data = Float32Array.from({ length: 9_000_001 }, (_, i) => i % 2048);
    await writeSafetensors(path, [
      { name: 'half', shape: [data.length], data, dtype: 'F16' },
      { name: 'full', shape: [data.length], data },
    ]);
    const file = await openSafetensors(path);
    expect(differences((await file.readFloat32('half')).data, data)).toBe(0);
    expect(differences((await file.readFloat32('full')).data, data)).toBe(0);
    await file.close();
  });

  it('leaves the old file and no temporary one when making a tensor fails', async () => {
    await writeSafetensors(path, [{ name: 'old', shape: [1], data: Float32Array.of(1) }]);
    const write = writeSafetensors(path, [
      { name: 'new', shape: [1], data: () => Promise.reject(new Error('no data')) },
    ]);
    await expect(write).rejects.toThrow('no data');
    expect(await readdir(folder)).toEqual(['out.safetensors']);
    const file = await openSafetensors(path);
    expect([...file.tensors.keys()]).toEqual(['old']);
    await file.close();
  });

  it('rejects data that does not fit the shape or the dtype', async () => {
    await expect(
      writeSafetensors(path, [{ name: 'w', shape: [2, 2], data: Float32Array.of(1) }]),
    ).rejects.toThrow('tensor w lacks 3 values');
    await expect(
      writeSafetensors(path, [{ name: 'w', shape: [1], data: Int32Array.of(1), dtype: 'F32' }]),
    ).rejects.toThrow('tensor w: a Int32Array cannot be written as F32');
  });

  it('rejects two tensors of one name', async () => {
    const tensor = { name: 'w', shape: [1], data: Float32Array.of(1) };
    await expect(writeSafetensors(path, [tensor, tensor])).rejects.toThrow('must be unique, got w twice');
  });
});

describe('fillSafetensors', () => {
  const specs = [
    { name: 'a', shape: [1], dtype: 'F32' },
    { name: 'b', shape: [2], dtype: 'F32' },
  ] as const;

  it('takes tensors in any order and lays them out as announced', async () => {
    await fillSafetensors(path, specs, {}, async (sink) => {
      await sink.write('b', Float32Array.of(2, 3));
      await sink.write('a', Float32Array.of(1));
    });
    const bytes = await readFile(path);
    expect(new Float32Array(bytes.buffer.slice(bytes.byteOffset + bytes.length - 12))).toEqual(
      Float32Array.of(1, 2, 3),
    );
  });

  it('takes a tensor in parts', async () => {
    await fillSafetensors(path, [{ name: 'w', shape: [5], dtype: 'F16' }], {}, async (sink) => {
      await sink.write('w', Float32Array.of(4, 5), 3);
      await sink.write('w', Float32Array.of(1, 2, 3));
    });
    const file = await openSafetensors(path);
    expect((await file.readFloat32('w')).data).toEqual(Float32Array.of(1, 2, 3, 4, 5));
    expect(await file.readFloat32Range('w', 1, 4)).toEqual(Float32Array.of(2, 3, 4));
    expect(await file.readFloat32Range('w', 5, 5)).toEqual(Float32Array.of());
    await expect(file.readFloat32Range('w', 4, 6)).rejects.toThrow(
      'tensor w: range must lie within 5 values, got 4 to 6',
    );
    await file.close();
  });

  it('rejects a tensor that is missing, written twice, too long or not announced', async () => {
    const one = Float32Array.of(1);
    const fill = (...names: string[]): Promise<void> =>
      fillSafetensors(path, specs, {}, async (sink) => {
        for (const name of names) await sink.write(name, one);
      });
    await expect(fill('a')).rejects.toThrow('tensor b lacks 2 values');
    await expect(fill('a', 'b')).rejects.toThrow('tensor b lacks 1 values');
    await expect(fill('a', 'a')).rejects.toThrow('tensor a: shape [1] takes 1 values, got 1 or some twice');
    await expect(fill('c')).rejects.toThrow('tensor c was not announced');
    const beyond = fillSafetensors(path, specs, {}, (sink) => sink.write('b', one, 2));
    await expect(beyond).rejects.toThrow('tensor b: shape [2] takes 2 values, got 3 or some twice');
    expect(await readdir(folder)).toEqual([]);
  });
});
