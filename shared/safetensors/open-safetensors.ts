import { type FileHandle, open } from 'node:fs/promises';
import { RegmeanError } from '../errors.ts';
import { pointerBytes, refuseLfsPointer } from '../files/lfs-pointer.ts';
import { type FloatTensor, sizeOf } from '../tensor.ts';
import { decodeInto } from './convert.ts';
import { type Dtype, elementBytes, isFloatDtype } from './dtype.ts';
import { lengthPrefixBytes, parseHeader, parseHeaderLength, type TensorEntry } from './header.ts';

/**
 * One read asks the system for at most this much: reads of 2 GiB and more fail on most platforms.
 */
const maxReadBytes = 1 << 28;

/**
 * Elements that are narrowed are read in blocks of this size, so that the bytes never lie in memory
 * whole.
 */
const conversionBlockBytes = 1 << 22;

/**
 * Tensors by name, read one at a time: a safetensors file, or a model folder with one or several of
 * them.
 */
export interface TensorReader {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** Values of an F32, F16, BF16 or F64 tensor as float32. */
  readFloat32(name: string): Promise<FloatTensor>;
  /**
   * Values `start` to `end` (exclusive) of such a tensor, counted in row-major order.
   *
   * @param into an array of as many values that they may be put into and returned in
   */
  readFloat32Range(name: string, start: number, end: number, into?: Float32Array): Promise<Float32Array>;
  /**
   * Values of a floating point or integer tensor as float64; exact.
   *
   * @param into as in `readFloat32Range`
   */
  readFloat64(name: string, into?: Float64Array): Promise<Float64Array>;
  /** The tensor's bytes as stored. */
  readBytes(name: string): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** An open safetensors file whose header has been checked. */
export interface SafetensorsFile extends TensorReader {
  readonly metadata: ReadonlyMap<string, string>;
}

/**
 * Opens a safetensors file and checks its header; tensors are read when they are asked for.
 *
 * @throws RegmeanError `not-found` when there is no such file; `invalid-input` when it is not a
 *   sound safetensors file
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  const file = await openForReading(path);
  try {
    const { size } = await file.stat();
    const prefix = new Uint8Array(Math.min(lengthPrefixBytes, size));
    await readFully(file, path, prefix, 0);
    const headerBytes = parseHeaderLength(path, prefix, size);
    const json = new Uint8Array(headerBytes);
    await readFully(file, path, json, lengthPrefixBytes);
    const { tensors, metadata } = parseHeader(path, json, size);
    return { path, tensors, metadata, ...readersOf(file, path, tensors), close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

function readersOf(
  file: FileHandle,
  path: string,
  tensors: ReadonlyMap<string, TensorEntry>,
): Pick<TensorReader, 'readFloat32' | 'readFloat32Range' | 'readFloat64' | 'readBytes'> {
  const entryOf = (name: string): TensorEntry => {
    const entry = tensors.get(name);
    if (entry === undefined) throw new RegmeanError('not-found', `${path}: no tensor ${name}`);
    return entry;
  };
  const floatEntryOf = (name: string): TensorEntry => {
    const entry = entryOf(name);
    if (isFloatDtype(entry.dtype)) return entry;
    const where = `${path}: tensor ${name}`;
    throw new RegmeanError('invalid-input', `${where}: must be floating point, is ${entry.dtype}`);
  };
  return {
    async readFloat32(name) {
      const entry = floatEntryOf(name);
      const data = new Float32Array(sizeOf(entry.shape));
      await readNumbers(file, `${path}: tensor ${name}`, entry, 'F32', data);
      return { shape: entry.shape, data };
    },
    async readFloat32Range(name, start, end, into) {
      const where = `${path}: tensor ${name}`;
      const data = into ?? new Float32Array(end - start);
      await readNumbers(file, where, rangeOf(where, floatEntryOf(name), start, end), 'F32', data);
      return data;
    },
    async readFloat64(name, into) {
      const entry = entryOf(name);
      const data = into ?? new Float64Array(sizeOf(entry.shape));
      await readNumbers(file, `${path}: tensor ${name}`, entry, 'F64', data);
      return data;
    },
    async readBytes(name) {
      const entry = entryOf(name);
      const bytes = new Uint8Array(entry.byteLength);
      await readFully(file, `${path}: tensor ${name}`, bytes, entry.byteOffset);
      return bytes;
    },
  };
}

/** Values `start` to `end` of a tensor, as if they were a tensor of their own. */
function rangeOf(where: string, entry: TensorEntry, start: number, end: number): TensorEntry {
  const size = sizeOf(entry.shape);
  if (!(start >= 0 && start <= end && end <= size)) {
    throw new RegmeanError('usage', `${where}: range must lie within ${size} values, got ${start} to ${end}`);
  }
  const width = elementBytes(entry.dtype);
  const byteOffset = entry.byteOffset + start * width;
  return { dtype: entry.dtype, shape: [end - start], byteOffset, byteLength: (end - start) * width };
}

async function readNumbers(
  file: FileHandle,
  where: string,
  entry: TensorEntry,
  wanted: Dtype,
  target: Float32Array | Float64Array,
): Promise<void> {
  if (entry.dtype === wanted) {
    const bytes = new Uint8Array(target.buffer, target.byteOffset, target.byteLength);
    return readFully(file, where, bytes, entry.byteOffset);
  }
  const width = elementBytes(entry.dtype);
  if (width < target.BYTES_PER_ELEMENT) {
    // The bytes are put at the end of the target: as values are widened in their order, none is
    // overwritten before it was read.
    const offset = target.byteOffset + target.byteLength - entry.byteLength;
    const bytes = new Uint8Array(target.buffer, offset, entry.byteLength);
    await readFully(file, where, bytes, entry.byteOffset);
    return decodeInto(where, entry.dtype, bytes, target);
  }
  const block = new Uint8Array(Math.min(conversionBlockBytes, entry.byteLength));
  for (let done = 0; done < entry.byteLength; done += block.length) {
    const bytes = block.subarray(0, Math.min(block.length, entry.byteLength - done));
    await readFully(file, where, bytes, entry.byteOffset + done);
    decodeInto(where, entry.dtype, bytes, target.subarray(done / width, (done + bytes.length) / width));
  }
}

async function readFully(
  file: FileHandle,
  where: string,
  target: Uint8Array,
  position: number,
): Promise<void> {
  for (let done = 0; done < target.length; ) {
    const length = Math.min(maxReadBytes, target.length - done);
    const { bytesRead } = await file.read(target, done, length, position + done);
    if (bytesRead === 0) {
      throw new RegmeanError('invalid-input', `${where}: file ended ${target.length - done} bytes too early`);
    }
    done += bytesRead;
  }
}

async function openForReading(path: string): Promise<FileHandle> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    throw new RegmeanError('not-found', `${path}: no such file`, { cause: error });
  });
  try {
    if (!(await file.stat()).isFile()) {
      throw new RegmeanError('invalid-input', `${path}: must be a safetensors file, is a folder`);
    }
    const { buffer, bytesRead } = await file.read(Buffer.alloc(pointerBytes), 0, pointerBytes, 0);
    refuseLfsPointer(path, buffer.subarray(0, bytesRead));
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}
