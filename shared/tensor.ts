/** The elements of a tensor, by element type. */
export type TensorData = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array;

/** A dense float32 tensor, row-major. `data` may be a view into a larger buffer. */
export interface FloatTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/**
 * Parameter name -> tensor, with Hugging Face's parameter names, in the order of the file or the
 * model.
 */
export type StateDict = ReadonlyMap<string, FloatTensor>;

/** Number of elements of a shape; 1 for a scalar's empty shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

/** A shape as people write it: `[768, 3072]`. */
export function formatShape(shape: readonly (number | { toString(): string })[]): string {
  return `[${shape.join(', ')}]`;
}

/** Whether two shapes are equal, dimension by dimension. */
export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((dim, axis) => dim === b[axis]);
}

/** Position of the first element that is NaN or infinite; -1 when all are finite. */
export function firstNotFinite(data: Float32Array | Float64Array): number {
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i])) return i;
  return -1;
}
