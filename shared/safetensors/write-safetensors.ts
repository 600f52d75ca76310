import type { FileHandle } from 'node:fs/promises';
import { RegmeanError } from '../errors.ts';
import { writeFileAtomically } from '../files/atomic-write.ts';
import type { TensorData } from '../tensor.ts';
import { formatShape, sizeOf } from '../tensor.ts';
import { encodeElements, naturalDtype } from './convert.ts';
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
  /**
   * Writes the values of an announced tensor, or a part of them that begins at value `start`
   * (default 0).
   */
  write(name: string, data: TensorData, start?: number): Promise<void>;
}

/**
 * Writes a safetensors file atomically: temporary name, flush, rename. Lazily made data is written
 * as it comes, so a file of any size needs the memory of one tensor.
 *
 * @throws RegmeanError `usage` when data and shape differ in size, or data cannot be written as the
 *   dtype
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
 * Writes a safetensors file atomically whose tensors are announced first and then filled in any
 * order.
 *
 * @param fill gives every announced tensor all its values, at once or in parts
 * @throws RegmeanError `usage` when values of a tensor are missing, are too many, or it was not
 *   announced
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
    const missing = new Map([...entries].map(([name, { shape }]) => [name, sizeOf(shape)]));
    await fill({
      async write(name, data, start = 0) {
        const entry = entries.get(name);
        const where = `${path}: tensor ${name}`;
        if (entry === undefined) throw new RegmeanError('usage', `${where} was not announced`);
        const count = data instanceof Uint8Array ? data.length / elementBytes(entry.dtype) : data.length;
        const left = (missing.get(name) ?? 0) - count;
        if (left < 0 || start + count > sizeOf(entry.shape)) {
          const size = `shape ${formatShape(entry.shape)} takes ${sizeOf(entry.shape)} values`;
          throw new RegmeanError('usage', `${where}: ${size}, got ${start + count} or some twice`);
        }
        missing.set(name, left);
        await writeElements(file, where, entry, data, start, count);
      },
    });
    for (const [name, left] of missing) {
      if (left > 0) throw new RegmeanError('usage', `${path}: tensor ${name} lacks ${left} values`);
    }
  });
}

async function writeElements(
  file: FileHandle,
  where: string,
  { dtype, byteOffset }: TensorEntry,
  data: TensorData,
  start: number,
  count: number,
): Promise<void> {
  const width = elementBytes(dtype);
  const blockElements = writeBlockBytes / width;
  for (let done = 0; done < count; done += blockElements) {
    const bytes = encodeElements(where, dtype, data, done, Math.min(count, done + blockElements));
    await writeFully(file, bytes, byteOffset + (start + done) * width);
  }
}

async function writeFully(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}
