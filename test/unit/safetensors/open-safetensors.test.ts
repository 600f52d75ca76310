import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSafetensors } from '../../../shared/safetensors/open-safetensors.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-safetensors-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A file made of a declared header length, header text and data bytes, all as given. */
async function fileOf(header: string, data: readonly number[] = [], declared?: bigint): Promise<string> {
  const path = join(folder, 'model.safetensors');
  const json = Buffer.from(header);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(declared ?? BigInt(json.length));
  await writeFile(path, Buffer.concat([length, json, Buffer.from(data)]));
  return path;
}

async function refusal(header: string, data: readonly number[] = [], declared?: bigint): Promise<string> {
  const path = await fileOf(header, data, declared);
  const error = await openSafetensors(path).then(
    () => undefined,
    (thrown: Error) => thrown,
  );
  expect(error?.name).toBe('RegmeanError');
  return (error as Error).message.replace(path, 'FILE');
}

describe('openSafetensors', () => {
  it('reads tensors, metadata and float32 values', async () => {
    const header =
      '{"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}   ';
    const file = await openSafetensors(await fileOf(header, [0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]));
    expect(file.metadata).toEqual(new Map([['format', 'pt']]));
    expect(await file.readFloat32('w')).toEqual({ shape: [1, 2], data: Float32Array.of(1, -2) });
    expect(await file.readFloat64('w')).toEqual(Float64Array.of(1, -2));
    expect([...(await file.readBytes('w'))]).toEqual([0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]);
    await file.close();
  });

  it('converts F16, BF16 and F64 to float32, and I64 to float64', async () => {
    const header = JSON.stringify({
      d: { dtype: 'F64', shape: [1], data_offsets: [0, 8] },
      h: { dtype: 'F16', shape: [1], data_offsets: [8, 10] },
      b: { dtype: 'BF16', shape: [1], data_offsets: [10, 12] },
      n: { dtype: 'I64', shape: [1], data_offsets: [12, 20] },
    });
    const data = [
      0, 0, 0, 0, 0, 0, 0xf8, 0x3f, 0x00, 0xb8, 0x40, 0x40, 0xfe, 255, 255, 255, 255, 255, 255, 255,
    ];
    const file = await openSafetensors(await fileOf(header, data));
    expect((await file.readFloat32('d')).data).toEqual(Float32Array.of(1.5));
    expect((await file.readFloat32('h')).data).toEqual(Float32Array.of(-0.5));
    expect((await file.readFloat32('b')).data).toEqual(Float32Array.of(3));
    expect(await file.readFloat64('n')).toEqual(Float64Array.of(-2));
    await expect(file.readFloat32('n')).rejects.toThrow('tensor n: must be floating point, is I64');
    await file.close();
  });

  it('accepts scalars, empty tensors and an empty file of tensors', async () => {
    const header =
      '{"s":{"dtype":"U8","shape":[],"data_offsets":[0,1]},"e":{"dtype":"F32","shape":[0,4],"data_offsets":[1,1]}}';
    const file = await openSafetensors(await fileOf(header, [7]));
    expect(await file.readFloat64('s')).toEqual(Float64Array.of(7));
    expect((await file.readFloat32('e')).data.length).toBe(0);
    await file.close();
    const empty = await openSafetensors(await fileOf('{}'));
    expect(empty.tensors.size).toBe(0);
    await empty.close();
  });

  it('names a tensor that is not there', async () => {
    const file = await openSafetensors(await fileOf('{}'));
    await expect(file.readFloat32('w')).rejects.toThrow('no tensor w');
    await file.close();
  });

  it('says when the file got shorter after it was opened', async () => {
    const path = await fileOf('{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', [0, 0, 0, 0]);
    const file = await openSafetensors(path);
    await truncate(path, 60);
    await expect(file.readFloat32('w')).rejects.toThrow(/tensor w: file ended \d bytes too early/);
    await file.close();
  });

  it('rejects a missing file and a folder', async () => {
    await expect(openSafetensors(join(folder, 'nothing'))).rejects.toThrow('nothing: no such file');
    await expect(openSafetensors(folder)).rejects.toThrow('must be a safetensors file, is a folder');
  });

  it('rejects a file shorter than the length prefix', async () => {
    const path = join(folder, 'short');
    await writeFile(path, Buffer.from([1, 2, 3]));
    await expect(openSafetensors(path)).rejects.toThrow('has at least 8 bytes, got 3');
  });

  it('rejects a header longer than the file', async () => {
    expect(await refusal('{}', [], 100n)).toBe(
      'FILE: header of 100 bytes is longer than the file of 10 bytes',
    );
  });

  it('rejects a header above the limit before it allocates memory for it', async () => {
    expect(await refusal('{}', [], 2n ** 63n)).toBe(
      'FILE: header must be at most 100000000 bytes, declares 9223372036854775808',
    );
  });

  it('rejects a header that is not a JSON object in UTF-8', async () => {
    expect(await refusal('{"w":')).toBe('FILE: header must be JSON in UTF-8');
    expect(await refusal('[]')).toBe('FILE: header must be a JSON object');
    expect(await refusal('')).toBe('FILE: header must be JSON in UTF-8');
  });

  it('rejects bytes outside the data', async () => {
    expect(await refusal('{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', [0, 0])).toBe(
      'FILE: tensor w: data_offsets [0, 4] must lie within the 2 data bytes',
    );
    expect(await refusal('{"w":{"dtype":"U8","shape":[1],"data_offsets":[2,1]}}', [0, 0])).toBe(
      'FILE: tensor w: data_offsets [2, 1] must lie within the 2 data bytes',
    );
  });

  it('rejects a byte length that does not fit shape and dtype', async () => {
    expect(await refusal('{"w":{"dtype":"F16","shape":[3],"data_offsets":[0,4]}}', [0, 0, 0, 0])).toBe(
      'FILE: tensor w: F16 [3] takes 6 bytes, data_offsets [0, 4] hold 4',
    );
  });

  it('rejects overlapping tensors', async () => {
    const header =
      '{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}';
    expect(await refusal(header, [0, 0, 0])).toBe('FILE: tensor b: bytes overlap those of a');
  });

  it('rejects gaps before, between and after tensors', async () => {
    expect(await refusal('{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}', [0, 0])).toBe(
      'FILE: tensor a: 1 unused bytes between it and the header',
    );
    const header =
      '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[3,4]}}';
    expect(await refusal(header, [0, 0, 0, 0])).toBe('FILE: tensor b: 2 unused bytes between it and a');
    expect(await refusal('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', [0, 0])).toBe(
      'FILE: 1 unused bytes after a',
    );
  });

  it('rejects two tensors of one name, also when escaped differently', async () => {
    const entry = '{"dtype":"U8","shape":[0],"data_offsets":[0,0]}';
    expect(await refusal(`{"a":${entry},"b":${entry},"\\u0061":${entry}}`)).toBe(
      'FILE: tensor names must be unique, a appears twice',
    );
  });

  it('rejects an unknown dtype', async () => {
    expect(await refusal('{"w":{"dtype":"F128","shape":[0],"data_offsets":[0,0]}}')).toBe(
      'FILE: tensor w: unknown dtype "F128"',
    );
    expect(await refusal('{"w":{"dtype":"toString","shape":[0],"data_offsets":[0,0]}}')).toBe(
      'FILE: tensor w: unknown dtype "toString"',
    );
  });

  it('rejects malformed entries, shapes, offsets and metadata', async () => {
    expect(await refusal('{"w":7}')).toBe(
      'FILE: tensor w: entry must be an object with dtype, shape and data_offsets',
    );
    expect(await refusal('{"w":{"dtype":"U8","shape":[-1],"data_offsets":[0,0]}}')).toBe(
      'FILE: tensor w: shape must be non-negative integers, got [-1]',
    );
    expect(await refusal('{"w":{"dtype":"U8","shape":[1e300],"data_offsets":[0,0]}}')).toContain(
      'shape must be non-negative integers',
    );
    expect(await refusal('{"w":{"dtype":"U8","shape":[9000000000,9000000000],"data_offsets":[0,0]}}')).toBe(
      'FILE: tensor w: shape [9000000000, 9000000000] is too large',
    );
    expect(await refusal('{"w":{"dtype":"U8","shape":[0],"data_offsets":[0]}}')).toBe(
      'FILE: tensor w: data_offsets must be two non-negative integers, got [0]',
    );
    expect(await refusal('{"__metadata__":{"rows":3}}')).toBe('FILE: __metadata__.rows must be a string');
    expect(await refusal('{"__metadata__":[]}')).toBe('FILE: __metadata__ must be an object of strings');
  });
});
