import type { FileHandle } from 'node:fs/promises';
import { RegmeanError } from '../errors.ts';
import { writeFileAtomically } from '../files/atomic-write.ts';
import { formatShape, sizeOf } from '../tensor.ts';
import { encodeElements, naturalDtype, type TensorData } from './convert.ts';
import { type Dtype, elementBytes } from './dtype.ts';
import { encodeHeader, type TensorEntry } from './header.ts';

/** Elements are converted and written in blocks of this many bytes. */
const writeBlockBytes = 1 << 24;

/** A tensor that a file is going to hold. */
export interface TensorSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: Dtype;
}

/** A tensor to write: its values, or a function that makes them when their turn has come. */
export interface TensorToWrite {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: TensorData | (() => Promise<TensorData> | TensorData);
  /** Default: the array's own type; F32 when `data` is a function. */
  readonly dtype?: Dtype;
}

/** Takes the tensors of a file in any order. */
export interface SafetensorsSink {
  /** Writes the values of one announced tensor. */
  write(name: string, data: TensorData): Promise<void>;
}

/**
 * Writes a safetensors file atomically: temporary name, flush, rename. Lazily made data is written as it comes, so
 * a file of any size needs the memory of one tensor.
 *
 * @throws RegmeanError `usage` when data and shape differ in size, or data cannot be written as the dtype
 */
export async function writeSafetensors(
  path: string,
  tensors: Iterable<TensorToWrite>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const list = [...tensors];
  const specs = list.map(({ name, shape, data, dtype }) => ({
    name,
    shape,
    dtype: dtype ?? (typeof data === 'function' ? 'F32' : naturalDtype(data)),
  }));
  await fillSafetensors(path, specs, metadata, async (sink) => {
    for (const { name, data } of list) {
      await sink.write(name, typeof data === 'function' ? await data() : data);
    }
  });
}

/**
 * Writes a safetensors file atomically whose tensors are announced first and then filled in any order.
 *
 * @param fill gives every announced tensor its values, once
 * @throws RegmeanError `usage` when a tensor stays without values, gets them twice, or was not announced
 */
export async function fillSafetensors(
  path: string,
  specs: readonly TensorSpec[],
  metadata: Readonly<Record<string, string>>,
  fill: (sink: SafetensorsSink) => Promise<void>,
): Promise<void> {
  const { bytes, entries } = encodeHeader(specs, metadata);
  await writeFileAtomically(path, async (file) => {
    await writeFully(file, bytes, 0);
    const missing = new Set(entries.keys());
    await fill({
      async write(name, data) {
        const entry = entries.get(name);
        if (entry === undefined || !missing.delete(name)) {
          const reason = entry === undefined ? 'was not announced' : 'has been written already';
          throw new RegmeanError('usage', `${path}: tensor ${name} ${reason}`);
        }
        await writeTensor(file, `${path}: tensor ${name}`, entry, data);
      },
    });
    if (missing.size > 0) {
      throw new RegmeanError('usage', `${path}: tensor ${[...missing][0]} was announced but never written`);
    }
  });
}

async function writeTensor(
  file: FileHandle,
  where: string,
  entry: TensorEntry,
  data: TensorData,
): Promise<void> {
  const size = sizeOf(entry.shape);
  const isRaw = data instanceof Uint8Array;
  const given = isRaw ? data.length / elementBytes(entry.dtype) : data.length;
  if (given !== size) {
    const expected = `shape ${formatShape(entry.shape)} takes ${size} values`;
    throw new RegmeanError('usage', `${where}: ${expected}, got ${given}`);
  }
  const width = elementBytes(entry.dtype);
  const blockElements = writeBlockBytes / width;
  for (let start = 0; start < size; start += blockElements) {
    const end = Math.min(size, start + blockElements);
    const bytes = encodeElements(where, entry.dtype, data, start, end);
    await writeFully(file, bytes, entry.byteOffset + start * width);
  }
}

async function writeFully(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}
