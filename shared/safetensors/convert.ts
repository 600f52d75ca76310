/**
 * @file Bytes of a tensor to numbers and back. Typed arrays have the machine's byte order and the
 *   format is little-endian; so is every machine that ONNX Runtime is built for.
 */

import { RegmeanError } from '../errors.ts';
import type { TensorData } from '../tensor.ts';
import { type Dtype, elementBytes } from './dtype.ts';
import { narrowToBfloat16, narrowToFloat16, widenBfloat16, widenFloat16 } from './half-precision.ts';

/**
 * Converts a run of elements to floating point numbers.
 *
 * @param where named in errors
 * @param bytes the elements' bytes, at any alignment; of wider targets they may be the last bytes
 * @param target one number per element
 * @throws RegmeanError `unsupported` for dtypes without a conversion; `invalid-input` for an
 *   integer beyond 2^53
 */
export function decodeInto(
  where: string,
  dtype: Dtype,
  bytes: Uint8Array,
  target: Float32Array | Float64Array,
): void {
  const { buffer, byteOffset } = aligned(bytes, elementBytes(dtype));
  const length = bytes.byteLength / elementBytes(dtype);
  if (dtype === 'F32') copyNumbers(new Float32Array(buffer, byteOffset, length), target);
  else if (dtype === 'F64') target.set(new Float64Array(buffer, byteOffset, length));
  else if (dtype === 'F16') widenFloat16(new Uint16Array(buffer, byteOffset, length), target);
  else if (dtype === 'BF16') widenBfloat16(new Uint16Array(buffer, byteOffset, length), target);
  else if (dtype === 'I64') decodeInt64(where, new BigInt64Array(buffer, byteOffset, length), target);
  else if (dtype === 'I32') target.set(new Int32Array(buffer, byteOffset, length));
  else if (dtype === 'U8' || dtype === 'BOOL') target.set(bytes);
  else throw new RegmeanError('unsupported', `${where}: cannot convert dtype ${dtype} to numbers`);
}

/**
 * The bytes of elements `start` to `end` (exclusive) of `data`, as `dtype`.
 *
 * @param data a `Uint8Array` beside a wider dtype holds the tensor's raw bytes
 * @returns a view of `data` where no conversion is needed
 * @throws RegmeanError `usage` when `data` cannot be written as `dtype`
 */
export function encodeElements(
  where: string,
  dtype: Dtype,
  data: TensorData,
  start: number,
  end: number,
): Uint8Array {
  if (data instanceof Uint8Array && elementBytes(dtype) > 1) {
    return data.subarray(start * elementBytes(dtype), end * elementBytes(dtype));
  }
  const part = data.subarray(start, end);
  if (isStoredAs(dtype, part)) return new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
  if (!(part instanceof Float32Array || part instanceof Float64Array)) {
    throw new RegmeanError('usage', `${where}: a ${data.constructor.name} cannot be written as ${dtype}`);
  }
  return viewBytes(convertFloats(where, dtype, part));
}

/** The dtype that an array is written as when none is asked for. */
export function naturalDtype(data: TensorData): Dtype {
  if (data instanceof Float32Array) return 'F32';
  if (data instanceof Float64Array) return 'F64';
  if (data instanceof Int32Array) return 'I32';
  if (data instanceof BigInt64Array) return 'I64';
  return 'U8';
}

function isStoredAs(dtype: Dtype, data: TensorData): boolean {
  return naturalDtype(data) === dtype || (data instanceof Uint8Array && elementBytes(dtype) === 1);
}

function convertFloats(
  where: string,
  dtype: Dtype,
  part: Float32Array | Float64Array,
): Float32Array | Float64Array | Uint16Array {
  if (dtype === 'F32') return new Float32Array(part);
  if (dtype === 'F64') return new Float64Array(part);
  const narrow = dtype === 'F16' ? narrowToFloat16 : dtype === 'BF16' ? narrowToBfloat16 : undefined;
  if (narrow === undefined || part instanceof Float64Array) {
    throw new RegmeanError('usage', `${where}: a ${part.constructor.name} cannot be written as ${dtype}`);
  }
  const bits = new Uint16Array(part.length);
  narrow(part, bits);
  return bits;
}

/** In their order, so that nothing is copied first where both are one piece of memory. */
function copyNumbers(values: Float32Array, target: Float32Array | Float64Array): void {
  for (let i = 0; i < values.length; i++) target[i] = values[i] as number;
}

function decodeInt64(where: string, values: BigInt64Array, target: Float32Array | Float64Array): void {
  for (let i = 0; i < values.length; i++) {
    const number = Number(values[i]);
    if (!Number.isSafeInteger(number)) {
      throw new RegmeanError('invalid-input', `${where}: integers must be below 2^53, got ${values[i]}`);
    }
    target[i] = number;
  }
}

function viewBytes(array: Float32Array | Float64Array | Uint16Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function aligned(bytes: Uint8Array, alignment: number): { buffer: ArrayBufferLike; byteOffset: number } {
  return bytes.byteOffset % alignment === 0 ? bytes : Uint8Array.from(bytes);
}
