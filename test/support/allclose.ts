import { expect } from 'vitest';
import { formatShape, sameShape } from '../../shared/tensor.ts';

/** A tensor to compare, of any element type. */
export interface ComparableTensor {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number | bigint>;
}

/** How far an element may be off: `atol + rtol * (largest magnitude of the expected tensor)`. */
export interface Tolerance {
  readonly rtol: number;
  readonly atol?: number;
  /** The tensor's name, for the message. */
  readonly name?: string;
}

interface AllcloseMatchers<R> {
  /**
   * Every element within the tolerance and of the same shape; names the tensor and its worst
   * element otherwise.
   */
  toBeAllclose(expected: ComparableTensor, tolerance: Tolerance): R;
}

declare module 'vitest' {
  // biome-ignore lint/suspicious/noExplicitAny: the type parameter's default must be the one that vitest declares
  interface Matchers<T = any> extends AllcloseMatchers<T> {}
}

expect.extend({
  toBeAllclose(actual: ComparableTensor, expected: ComparableTensor, tolerance: Tolerance) {
    const name = tolerance.name ?? 'tensor';
    if (!sameShape(actual.shape, expected.shape)) {
      const shapes = `${formatShape(expected.shape)}, got ${formatShape(actual.shape)}`;
      return { pass: false, message: () => `${name}: shape must be ${shapes}` };
    }
    const { index, difference, scale } = worstElement(actual.data, expected.data);
    const allowed = (tolerance.atol ?? 0) + tolerance.rtol * scale;
    return {
      pass: difference <= allowed,
      message: () =>
        `${name}[${positionOf(index, expected.shape)}]: must be ${expected.data[index]}, got ${actual.data[index]} ` +
        `(off by ${difference.toExponential(2)}, allowed ${allowed.toExponential(2)})`,
    };
  },
});

/**
 * The element that is furthest off, NaN before anything else, and the largest magnitude that was
 * expected.
 */
function worstElement(
  actual: ArrayLike<number | bigint>,
  expected: ArrayLike<number | bigint>,
): { index: number; difference: number; scale: number } {
  let index = 0;
  let difference = 0;
  let scale = 0;
  for (let i = 0; i < expected.length; i++) {
    const value = Number(expected[i]);
    const off = Math.abs(Number(actual[i]) - value);
    scale = Math.max(scale, Math.abs(value));
    if (off > difference || (Number.isNaN(off) && !Number.isNaN(difference))) {
      index = i;
      difference = off;
    }
  }
  return { index, difference, scale };
}

function positionOf(index: number, shape: readonly number[]): string {
  const position: number[] = [];
  let rest = index;
  for (const dim of [...shape].reverse()) {
    position.unshift(rest % dim);
    rest = Math.floor(rest / dim);
  }
  return position.join(', ');
}
