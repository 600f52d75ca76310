/**
 * @file float16 and bfloat16 to float32 and back. Widening is exact; narrowing rounds to the
 *   nearest value, ties to even, overflows to infinity and keeps NaN a NaN (IEEE 754-2019, sections
 *   3.6 and 4.3.1).
 */

const scratchFloat = new Float32Array(1);
const scratchBits = new Uint32Array(scratchFloat.buffer);

let float16Values: Float32Array | undefined;

/** Widens float16 bit patterns into `target`; both have the same length. */
export function widenFloat16(bits: Uint16Array, target: Float32Array | Float64Array): void {
  float16Values ??= Float32Array.from({ length: 0x1_0000 }, (_, pattern) => float16Value(pattern));
  for (let i = 0; i < bits.length; i++) target[i] = float16Values[bits[i] as number] as number;
}

/**
 * Widens bfloat16 bit patterns (the upper half of a float32) into `target`; both have the same
 * length.
 */
export function widenBfloat16(bits: Uint16Array, target: Float32Array | Float64Array): void {
  for (let i = 0; i < bits.length; i++) {
    scratchBits[0] = (bits[i] as number) << 16;
    target[i] = scratchFloat[0] as number;
  }
}

/** Narrows float32 values to float16 bit patterns in `target`; both have the same length. */
export function narrowToFloat16(values: Float32Array, target: Uint16Array): void {
  for (let i = 0; i < values.length; i++) {
    scratchFloat[0] = values[i] as number;
    target[i] = float16Bits(scratchBits[0] as number);
  }
}

/** Narrows float32 values to bfloat16 bit patterns in `target`; both have the same length. */
export function narrowToBfloat16(values: Float32Array, target: Uint16Array): void {
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    scratchFloat[0] = value;
    const bits = scratchBits[0] as number;
    if (Number.isNaN(value)) target[i] = (bits >>> 16) | 0x40;
    else target[i] = (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
  }
}

function float16Value(pattern: number): number {
  const sign = pattern & 0x8000 ? -1 : 1;
  const exponent = (pattern >>> 10) & 0x1f;
  const fraction = pattern & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function float16Bits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fff_ffff;
  if (magnitude > 0x7f80_0000) return sign | 0x7e00;
  const largestThatRoundsToFinite = 0x477f_efff;
  if (magnitude > largestThatRoundsToFinite) return sign | 0x7c00;
  const smallestNormal = 0x3880_0000;
  if (magnitude >= smallestNormal) {
    const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
    return sign | ((rounded - 0x3800_0000) >>> 13);
  }
  return sign | subnormalFloat16(magnitude);
}

/**
 * Float16 subnormals are multiples of 2^-24: shift the full significand there, rounding ties to
 * even.
 */
function subnormalFloat16(magnitude: number): number {
  const exponent = magnitude >>> 23;
  const shift = 126 - exponent;
  if (shift > 24) return 0;
  const significand = (magnitude & 0x7f_ffff) | 0x80_0000;
  const kept = significand >>> shift;
  const rest = significand - (kept << shift);
  const half = 1 << (shift - 1);
  return rest > half || (rest === half && (kept & 1) === 1) ? kept + 1 : kept;
}
