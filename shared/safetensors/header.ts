/**
 * @file The header of a safetensors file: an unsigned 64-bit length, then that many bytes of JSON
 *   which map tensor names to dtype, shape and byte range. Everything in it comes from outside and
 *   is checked here; no I/O. Format: https://github.com/huggingface/safetensors#format
 */

import { RegmeanError } from '../errors.ts';
import { jsonProblem, parseJson } from '../files/json-text.ts';
import { formatShape, sizeOf } from '../tensor.ts';
import { type Dtype, elementBytes, isDtype } from './dtype.ts';
import { duplicateKey } from './json-keys.ts';

/** Bytes of the length that a file starts with. */
export const lengthPrefixBytes = 8;

/**
 * The largest header that is read, the same limit as other readers of the format have: a guard
 * against hostile files.
 */
export const maxHeaderBytes = 100_000_000;

/** Where one tensor lies in a file. */
export interface TensorEntry {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Position of the first byte, counted from the start of the file. */
  readonly byteOffset: number;
  readonly byteLength: number;
}

/** A checked header: tensors in the header's order, and the free `__metadata__`. */
export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: ReadonlyMap<string, string>;
}

/**
 * Reads the length that a file starts with.
 *
 * @param path named in errors
 * @param prefix the first eight bytes
 * @param fileBytes size of the whole file
 * @throws RegmeanError `invalid-input` when the header is longer than the file or than the limit
 */
export function parseHeaderLength(path: string, prefix: Uint8Array, fileBytes: number): number {
  if (fileBytes < lengthPrefixBytes || prefix.length < lengthPrefixBytes) {
    throw invalid(path, `a safetensors file has at least ${lengthPrefixBytes} bytes, got ${fileBytes}`);
  }
  const length = new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true);
  if (length > BigInt(maxHeaderBytes)) {
    throw invalid(path, `header must be at most ${maxHeaderBytes} bytes, declares ${length}`);
  }
  if (length > BigInt(fileBytes - lengthPrefixBytes)) {
    throw invalid(path, `header of ${length} bytes is longer than the file of ${fileBytes} bytes`);
  }
  return Number(length);
}

/**
 * Parses and checks the JSON of a header.
 *
 * @param path named in errors
 * @param json the header's bytes, without the length before them
 * @param fileBytes size of the whole file
 * @throws RegmeanError `invalid-input` for every way in which the header can be wrong, naming the
 *   tensor
 */
export function parseHeader(path: string, json: Uint8Array, fileBytes: number): SafetensorsHeader {
  const root = parseJsonObject(path, json);
  const dataStart = lengthPrefixBytes + json.length;
  const dataBytes = fileBytes - dataStart;
  const tensors = new Map<string, TensorEntry>();
  let metadata: ReadonlyMap<string, string> = new Map();
  for (const [name, value] of Object.entries(root)) {
    if (name === '__metadata__') metadata = parseMetadata(path, value);
    else tensors.set(name, parseEntry(path, name, value, dataStart, dataBytes));
  }
  requireContiguous(path, tensors, dataStart, fileBytes);
  return { tensors, metadata };
}

/**
 * Lays tensors out one after another and encodes the header, padded with spaces to a multiple of
 * eight bytes.
 *
 * @returns the bytes of length and JSON, and where each tensor goes
 * @throws RegmeanError `usage` when two tensors have the same name
 */
export function encodeHeader(
  tensors: Iterable<{ readonly name: string; readonly dtype: Dtype; readonly shape: readonly number[] }>,
  metadata: Readonly<Record<string, string>> = {},
): { readonly bytes: Uint8Array; readonly entries: ReadonlyMap<string, TensorEntry> } {
  const described: [string, unknown][] = [];
  if (Object.keys(metadata).length > 0) described.push(['__metadata__', metadata]);
  const relative = new Map<string, TensorEntry>();
  let position = 0;
  for (const { name, dtype, shape } of tensors) {
    if (relative.has(name) || name === '__metadata__') {
      throw new RegmeanError('usage', `safetensors header: tensor names must be unique, got ${name} twice`);
    }
    const byteLength = sizeOf(shape) * elementBytes(dtype);
    relative.set(name, { dtype, shape, byteOffset: position, byteLength });
    described.push([name, { dtype, shape, data_offsets: [position, position + byteLength] }]);
    position += byteLength;
  }
  const body = described.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',');
  const unpadded = Buffer.from(`{${body}}`);
  const length = Math.ceil(unpadded.length / 8) * 8;
  const bytes = Buffer.alloc(lengthPrefixBytes + length, ' ');
  bytes.writeBigUInt64LE(BigInt(length), 0);
  unpadded.copy(bytes, lengthPrefixBytes);
  const entries = new Map(
    [...relative].map(([name, entry]) => [name, { ...entry, byteOffset: entry.byteOffset + bytes.length }]),
  );
  return { bytes, entries };
}

function parseJsonObject(path: string, json: Uint8Array): Record<string, unknown> {
  let text: string;
  let root: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(json);
    root = parseJson(text);
  } catch (cause) {
    throw invalid(path, `header ${jsonProblem(cause)} in UTF-8`, cause);
  }
  if (!isRecord(root)) throw invalid(path, 'header must be a JSON object');
  const duplicate = duplicateKey(text);
  if (duplicate !== undefined) throw invalid(path, `tensor names must be unique, ${duplicate} appears twice`);
  return root;
}

function parseMetadata(path: string, value: unknown): ReadonlyMap<string, string> {
  if (!isRecord(value)) throw invalid(path, '__metadata__ must be an object of strings');
  const metadata = new Map<string, string>();
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw invalid(path, `__metadata__.${key} must be a string`);
    metadata.set(key, text);
  }
  return metadata;
}

function parseEntry(
  path: string,
  name: string,
  value: unknown,
  dataStart: number,
  dataBytes: number,
): TensorEntry {
  const where = `${path}: tensor ${name}`;
  if (!isRecord(value)) throw invalid(where, 'entry must be an object with dtype, shape and data_offsets');
  const { dtype, shape, data_offsets: offsets } = value;
  if (!isDtype(dtype)) throw invalid(where, `unknown dtype ${JSON.stringify(dtype)}`);
  if (!isSizes(shape)) {
    throw invalid(where, `shape must be non-negative integers, got ${JSON.stringify(shape)}`);
  }
  const size = sizeOf(shape);
  if (!Number.isSafeInteger(size * 8)) throw invalid(where, `shape ${formatShape(shape)} is too large`);
  if (!isSizes(offsets) || offsets.length !== 2) {
    throw invalid(where, `data_offsets must be two non-negative integers, got ${JSON.stringify(offsets)}`);
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > dataBytes) {
    throw invalid(where, `data_offsets [${begin}, ${end}] must lie within the ${dataBytes} data bytes`);
  }
  const byteLength = size * elementBytes(dtype);
  if (end - begin !== byteLength) {
    const expected = `${dtype} ${formatShape(shape)} takes ${byteLength} bytes`;
    throw invalid(where, `${expected}, data_offsets [${begin}, ${end}] hold ${end - begin}`);
  }
  return { dtype, shape, byteOffset: dataStart + begin, byteLength };
}

/**
 * The format allows no byte that belongs to no tensor or to two: a file must not carry hidden data.
 */
function requireContiguous(
  path: string,
  tensors: ReadonlyMap<string, TensorEntry>,
  dataStart: number,
  fileBytes: number,
): void {
  const inFileOrder = [...tensors].sort(
    ([, a], [, b]) => a.byteOffset - b.byteOffset || a.byteLength - b.byteLength,
  );
  let position = dataStart;
  let previous = 'the header';
  for (const [name, entry] of inFileOrder) {
    const where = `${path}: tensor ${name}`;
    if (entry.byteOffset < position) throw invalid(where, `bytes overlap those of ${previous}`);
    if (entry.byteOffset > position) {
      throw invalid(where, `${entry.byteOffset - position} unused bytes between it and ${previous}`);
    }
    position += entry.byteLength;
    previous = name;
  }
  if (position !== fileBytes) {
    throw invalid(path, `${fileBytes - position} unused bytes after ${previous}`);
  }
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(where: string, rule: string, cause?: unknown): RegmeanError {
  return new RegmeanError('invalid-input', `${where}: ${rule}`, cause === undefined ? {} : { cause });
}
