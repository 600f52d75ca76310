/**
 * @file The two sums of RegMean's normal equations where the covariances of inputs come from the
 *   changes of weights (`weight-covariance.ts`), Z_i = D_i^T [d, n]:
 *
 *     left = sum_i f_i (Z_i Z_i^T + e_i I),   right = sum_i f_i (Z_i Z_i^T + e_i I) D_i^T
 *
 *   Z Z^T is symmetric: only panels of its upper triangle are computed, each is used for both sums
 *   and forgotten. Where a layer has few outputs, Z (Z^T D^T) is cheaper.
 *
 *   The products are in float32 where e I is well above their rounding. A change is the difference
 *   of float32 weights of a hundred times its size: it is not known better than that. Sums and the
 *   solution are in float64.
 */
import type { Gemm } from '../../shared/linalg/gemm.ts';
import {
  type AnyMatrix,
  addScaled,
  frobeniusNorm,
  type Matrix,
  mirrorUpper,
  rowSlice,
  transposeInto,
  zeros,
} from '../../shared/linalg/matrix.ts';
import { type SymmetricSolution, solveSymmetric } from '../../shared/linalg/solve-symmetric.ts';
import { centredRows, type WeightCovarianceSettings } from './weight-covariance.ts';

/** Float32 products need at least this share of the mean diagonal entry on the diagonal. */
const leastShareOfFloat32 = 0.01;
/** In smaller layers nothing is gained. */
const leastSizeOfFloat32 = 1 << 14;
/** Panels of the triangle: with more, less of the lower one is computed, by smaller products. */
const mostPanels = 8;
const leastPanel = 96;

/** The sums over contributions, to be solved once. */
export interface WeightSums {
  /**
   * Adds a contribution.
   *
   * @param deviation D [n, d], all finite
   */
  add(deviation: Matrix, coefficient: number): Promise<void>;
  /** Solves for X [d, n]; see `solveSymmetric`. */
  solve(system: string, nearest: () => Promise<Matrix>): Promise<SymmetricSolution>;
}

/** Memory for the work on one contribution, which may serve several layers, one after the other. */
export interface WeightSumsMemory {
  readonly singles: Scratch<Numbers>;
  readonly doubles: Scratch<Numbers>;
}

/** None is taken before it is needed. */
export function weightSumsMemory(): WeightSumsMemory {
  return { singles: scratchOf(singles), doubles: scratchOf(doubles) };
}

/** Sums with no contribution yet, for a layer with d inputs and n outputs. */
export function weightSums(
  gemm: Gemm,
  [d, n]: readonly [d: number, n: number],
  { covarianceEps, covarianceCentring, covarianceNormalize }: WeightCovarianceSettings,
  memory: WeightSumsMemory = weightSumsMemory(),
): WeightSums {
  const left = zeros(d, d);
  const right = zeros(d, n);
  const isSingle = covarianceEps >= leastShareOfFloat32 && n * d >= leastSizeOfFloat32;
  const scratch = isSingle ? memory.singles : memory.doubles;
  return {
    async add(deviation, coefficient) {
      const rows = covarianceCentring === 'rows' ? centredRows(deviation) : deviation;
      const norm = frobeniusNorm(rows);
      const trace = norm ** 2;
      if (trace === 0) return;
      const factor = covarianceNormalize === 'none' ? coefficient : coefficient / trace;
      const added = (factor * covarianceEps * trace) / d;
      // In units of its root mean square nothing overflows, however small the change.
      const unit = norm / Math.sqrt(n * d);
      const z = transposeInto(scratch.take(zSlot, [d, n]), 1 / unit, rows);
      const change =
        rows === deviation ? z : transposeInto(scratch.take(changeSlot, [d, n]), 1 / unit, deviation);
      await addProducts(gemm, { z, change, factor: factor * unit ** 2, unit, scratch }, left, right);
      for (let at = 0; at < left.data.length; at += d + 1) left.data[at] = (left.data[at] as number) + added;
      addScaled(right, added * unit, change);
    },
    solve(system, nearest) {
      mirrorUpper(left.data, d);
      return solveSymmetric(gemm, system, left, right, nearest);
    },
  };
}

type Numbers = Float32Array | Float64Array;
type Make<Data extends Numbers> = (length: number) => Data;
const singles: Make<Numbers> = (length) => new Float32Array(length);
const doubles: Make<Numbers> = (length) => new Float64Array(length);

/** Memory for the work on one contribution, used again for the next. */
interface Scratch<Data extends Numbers> {
  /** One of several matrices; what it holds is from an earlier use. */
  take(slot: number, size: readonly [rows: number, columns: number]): AnyMatrix<Data>;
}

/** A slot grows to what is taken of it. */
function scratchOf<Data extends Numbers>(make: Make<Data>): Scratch<Data> {
  const slots = new Map<number, Data>();
  return {
    take(slot, [rows, columns]) {
      const known = slots.get(slot);
      const data = known === undefined || known.length < rows * columns ? make(rows * columns) : known;
      slots.set(slot, data);
      return { rows, columns, data: data.subarray(0, rows * columns) as Data };
    },
  };
}

const [zSlot, changeSlot, productSlot, squareSlot, besideSlot, sharesSlot] = [0, 1, 2, 3, 4, 5];

function panelSize(d: number): number {
  return Math.max(leastPanel, Math.ceil(d / mostPanels));
}

/** left's upper triangle += f Z Z^T, right += f u Z Z^T D^T */
async function addProducts<Data extends Numbers>(
  gemm: Gemm,
  {
    z,
    change,
    factor,
    unit,
    scratch,
  }: {
    readonly z: AnyMatrix<Data>;
    readonly change: AnyMatrix<Data>;
    readonly factor: number;
    readonly unit: number;
    readonly scratch: Scratch<Data>;
  },
  left: Matrix,
  right: Matrix,
): Promise<void> {
  const [d, n] = [z.rows, z.columns];
  const empty = (slot: number, rows: number, columns: number): AnyMatrix<Data> => {
    const matrix = scratch.take(slot, [rows, columns]);
    matrix.data.fill(0);
    return matrix;
  };
  const product = empty(productSlot, d, n);
  const isWide = 2 * n < d;
  for (let top = 0; top < d; top += panelSize(d)) {
    const bottom = Math.min(d, top + panelSize(d));
    const own = rowSlice(z, top, bottom);
    const below = rowSlice(z, bottom, d);
    const square = empty(squareSlot, bottom - top, bottom - top);
    const beside = empty(besideSlot, bottom - top, d - bottom);
    await gemm.accumulate(own, own, square, { transB: true });
    await gemm.accumulate(own, below, beside, { transB: true });
    addBlock(left, [top, top], factor, square);
    addBlock(left, [top, bottom], factor, beside);
    if (isWide) continue;
    const target = rowSlice(product, top, bottom);
    await gemm.accumulate(square, rowSlice(change, top, bottom), target);
    await gemm.accumulate(beside, rowSlice(change, bottom, d), target);
    const rest = rowSlice(product, bottom, d);
    await gemm.accumulate(beside, rowSlice(change, top, bottom), rest, { transA: true });
  }
  if (isWide) {
    const shares = empty(sharesSlot, n, n);
    await gemm.accumulate(z, change, shares, { transA: true });
    await gemm.accumulate(z, shares, product);
  }
  addScaled(right, factor * unit, product);
}

/** Adds a block times a factor at a row and a column. */
function addBlock(
  target: Matrix,
  [top, left]: readonly [number, number],
  factor: number,
  { rows, columns, data }: AnyMatrix,
): void {
  const values = target.data;
  for (let row = 0; row < rows; row++) {
    const start = (top + row) * target.columns + left;
    const from = row * columns;
    for (let i = 0; i < columns; i++) {
      values[start + i] = (values[start + i] as number) + factor * (data[from + i] as number);
    }
  }
}
