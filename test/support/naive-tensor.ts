/** @file Tensors by their indices: what references of op tests are written in. */

/** The element at indices; one outside of the tensor is 0. */
export type ElementAt = (...indices: number[]) => number;

/** Reads row-major data by its indices. */
export function elementsOf(data: ArrayLike<number>, shape: readonly number[]): ElementAt {
  return (...indices) => {
    if (indices.some((index, axis) => index < 0 || index >= (shape[axis] ?? 0))) return 0;
    return data[indices.reduce((flat, index, axis) => flat * (shape[axis] ?? 1) + index, 0)] ?? 0;
  };
}

/** Row-major data of a shape, made element by element. */
export function filled(shape: readonly number[], element: ElementAt): number[] {
  const size = shape.reduce((product, dim) => product * dim, 1);
  return Array.from({ length: size }, (_, flat) => {
    const indices: number[] = [];
    let rest = flat;
    for (const dim of [...shape].reverse()) {
      indices.unshift(rest % dim);
      rest = Math.floor(rest / dim);
    }
    return element(...indices);
  });
}

/** The sum of `term` over 0, 1, .. `count` - 1. */
export function sumOver(count: number, term: (index: number) => number): number {
  return Array.from({ length: count }, (_, index) => term(index)).reduce((sum, value) => sum + value, 0);
}

/** [rows, inner] x [inner, columns], row-major. */
export function naiveProduct(
  a: ElementAt,
  b: ElementAt,
  inner: number,
): (row: number, column: number) => number {
  return (row, column) => sumOver(inner, (k) => a(row, k) * b(k, column));
}

/** The error function by its Taylor series, to 1e-12 for |x| up to 2. */
export function naiveErf(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; n < 40; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}
