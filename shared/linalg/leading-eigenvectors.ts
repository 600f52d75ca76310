/**
 * @file The largest eigenvalues of a symmetric positive semidefinite matrix, by a block Krylov
 *   space with all its blocks orthogonal to one another (C. Musco and C. Musco, "Randomized Block
 *   Krylov Methods for Stronger and Faster Approximate Singular Value Decomposition", NeurIPS 2015,
 *   https://arxiv.org/abs/1504.05477): a few products with the matrix, where all of its
 *   eigenvectors would take d^3.
 */
import { createRandom } from '../random.ts';
import { type Gemm, matrixProduct } from './gemm.ts';
import { addScaled, copyOf, type Matrix, rowSlice, scaleRows, stackRows, zeros } from './matrix.ts';
import { type SymmetricEigen, symmetricEigen } from './symmetric-eigen.ts';

/** Columns of a block beyond those that are wanted. */
const spareColumns = 8;
/** Products with the matrix at most. */
const maxBlocks = 12;
/** A Ritz vector is taken when A v - theta v is below this share of the largest value. */
const tolerance = 1e-6;
/** Of matrices up to so many blocks in size all eigenvectors are found instead. */
const smallSize = 4;
const startSeed = 1;

/**
 * The largest eigenvalues and their vectors, fewer where the rank is lower. Vectors of values that
 * lie close together may be mixtures of these.
 *
 * @param matrix names it in errors
 * @param a [d, d], symmetric and positive semidefinite up to rounding
 * @throws RegmeanError `numerical` when an entry is not finite
 */
export async function leadingEigenvectors(
  gemm: Gemm,
  matrix: string,
  a: Matrix,
  count: number,
): Promise<SymmetricEigen> {
  const size = a.rows;
  const width = count + spareColumns;
  if (size <= smallSize * width) return ofPositive(await symmetricEigen(gemm, matrix, a), count);
  let basis = zeros(0, size);
  let images = zeros(0, size);
  let block = await orthonormalRows(gemm, basis, randomRows(width, size));
  let eigen: SymmetricEigen = { values: new Float64Array(0), vectors: basis };
  for (let step = 0; step < maxBlocks && block.rows > 0; step++) {
    const image = zeros(block.rows, size);
    await gemm.accumulate(block, a, image);
    basis = stackRows([basis, block], size);
    images = stackRows([images, image], size);
    const small = zeros(basis.rows, basis.rows);
    await gemm.accumulate(images, basis, small, { transB: true });
    const ritz = ofPositive(await symmetricEigen(gemm, matrix, small), count);
    eigen = { values: ritz.values, vectors: await matrixProduct(gemm, ritz.vectors, basis) };
    if (await areEigenvectors(gemm, eigen, await matrixProduct(gemm, ritz.vectors, images))) break;
    block = await orthonormalRows(gemm, basis, image);
  }
  return eigen;
}

/** Whether A v = theta v to the tolerance, for every vector. */
async function areEigenvectors(
  gemm: Gemm,
  { values, vectors }: SymmetricEigen,
  images: Matrix,
): Promise<boolean> {
  const expected = copyOf(vectors);
  scaleRows(expected, values);
  addScaled(expected, -1, images);
  const squares = zeros(1, 1);
  const all = { rows: 1, columns: expected.data.length, data: expected.data };
  await gemm.accumulate(all, all, squares, { transB: true });
  return Math.sqrt(squares.data[0] as number) <= tolerance * (values[0] ?? 0);
}

/** The first so many, without those that are zero up to rounding. */
function ofPositive({ values, vectors }: SymmetricEigen, count: number): SymmetricEigen {
  const limit = vectors.columns * 2 ** -52 * (values[0] ?? 0);
  const below = values.findIndex((value) => value <= limit);
  const rank = Math.min(count, below < 0 ? values.length : below);
  return { values: values.slice(0, rank), vectors: rowSlice(vectors, 0, rank) };
}

/**
 * Orthonormal rows of the part of a block's rows that is orthogonal to a basis; none for what is
 * rounding noise.
 */
async function orthonormalRows(gemm: Gemm, basis: Matrix, rows: Matrix): Promise<Matrix> {
  let block = copyOf(rows);
  // Once more, as the first time leaves what rounding makes of nearly parallel rows.
  for (let time = 0; time < 2; time++) {
    if (basis.rows > 0) {
      const shares = zeros(block.rows, basis.rows);
      await gemm.accumulate(block, basis, shares, { transB: true });
      await gemm.accumulate(shares, basis, block, { alpha: -1 });
    }
    const gram = zeros(block.rows, block.rows);
    await gemm.accumulate(block, block, gram, { transB: true });
    const { values, vectors } = await symmetricEigen(gemm, 'orthonormal rows', gram);
    const limit = 1e-12 * (values[0] ?? 0);
    const below = values.findIndex((value) => value <= limit);
    const rank = below < 0 ? values.length : below;
    block = await matrixProduct(gemm, rowSlice(vectors, 0, rank), block);
    scaleRows(
      block,
      values.slice(0, rank).map((value) => 1 / Math.sqrt(value)),
    );
  }
  return block;
}

function randomRows(rows: number, columns: number): Matrix {
  const random = createRandom(startSeed);
  const block = zeros(rows, columns);
  for (let i = 0; i < block.data.length; i++) block.data[i] = random() - 0.5;
  return block;
}
