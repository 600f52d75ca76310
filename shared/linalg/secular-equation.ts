/**
 * @file Eigenvalues of a diagonal matrix plus one of rank one, diag(d) + z z^T: the roots of
 *
 *     f(x) = 1 + sum_j w_j / (d_j - x),   w_j = z_j^2,   d_0 < d_1 < ...
 *
 *   of which one lies above each d_i and below the next. A root is held as its distance from the
 *   nearer of the two, so that differences d_j - x keep all their digits (M. Gu and S. C.
 *   Eisenstat, SIAM J. Matrix Anal. Appl. 16, 1995).
 */

/** A root of the secular equation. */
export interface SecularRoot {
  /** Which d it is told from. */
  readonly origin: number;
  /** x - d[origin] */
  readonly offset: number;
}

const machineEpsilon = 2 ** -52;
const maxSteps = 100;

/**
 * The root above d_i.
 *
 * @param d [k] ascending, all different
 * @param w [k] positive
 */
export function secularRoot(d: Float64Array, w: Float64Array, i: number): SecularRoot {
  const last = i === d.length - 1;
  const gap = last ? w.reduce((sum, value) => sum + value, 0) : (d[i + 1] as number) - (d[i] as number);
  const middle = evaluate(d, w, i, i, gap / 2);
  if (last || middle.value >= 0) {
    const [low, high] = middle.value >= 0 ? [0, gap / 2] : [gap / 2, gap];
    return { origin: i, offset: search(d, w, { i, origin: i, low, high }) };
  }
  return { origin: i + 1, offset: search(d, w, { i, origin: i + 1, low: -gap / 2, high: 0 }) };
}

/** Where a root is: above d_i, told from d[origin], between `low` and `high`. */
interface Bracket {
  readonly i: number;
  readonly origin: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Finds a root within a bracket by two-pole interpolation (J. R. Bunch, C. P. Nielsen and D. C.
 * Sorensen, Numer. Math. 31, 1978), by bisection where that leaves the bracket.
 */
function search(d: Float64Array, w: Float64Array, { i, origin, low, high }: Bracket): number {
  let [from, to] = [low, high];
  let offset = (from + to) / 2;
  for (let step = 0; step < maxSteps; step++) {
    const at = evaluate(d, w, i, origin, offset);
    if (Math.abs(at.value) <= machineEpsilon * (1 + Math.abs(at.below) + Math.abs(at.above))) break;
    if (at.value < 0) from = offset;
    else to = offset;
    let next = offset + interpolate(at);
    if (!(next > from && next < to)) next = (from + to) / 2;
    if (next === offset || next === from || next === to) break;
    const moved = Math.abs(next - offset);
    offset = next;
    if (moved <= machineEpsilon * Math.abs(offset)) break;
  }
  return offset;
}

/** f at a point, in two sums: over the poles up to d_i, and over those above. */
interface Evaluation {
  readonly value: number;
  readonly below: number;
  readonly above: number;
  readonly belowSlope: number;
  readonly aboveSlope: number;
  /** d_i - x */
  readonly left: number;
  /** d_{i+1} - x; absent where there is none. */
  readonly right: number | undefined;
}

function evaluate(d: Float64Array, w: Float64Array, i: number, origin: number, offset: number): Evaluation {
  const from = d[origin] as number;
  let below = 0;
  let belowSlope = 0;
  for (let j = 0; j <= i; j++) {
    const difference = (d[j] as number) - from - offset;
    const term = (w[j] as number) / difference;
    below += term;
    belowSlope += term / difference;
  }
  let above = 0;
  let aboveSlope = 0;
  for (let j = i + 1; j < d.length; j++) {
    const difference = (d[j] as number) - from - offset;
    const term = (w[j] as number) / difference;
    above += term;
    aboveSlope += term / difference;
  }
  const left = (d[i] as number) - from - offset;
  const right = i + 1 < d.length ? (d[i + 1] as number) - from - offset : undefined;
  return { value: 1 + below + above, below, above, belowSlope, aboveSlope, left, right };
}

/**
 * How far to go to the root of c + q / (left - s) + r / (right - s), each fraction with value and
 * slope of its sum here.
 */
function interpolate({ value, belowSlope, aboveSlope, left, right }: Evaluation): number {
  const q = belowSlope * left * left;
  if (right === undefined) return left + q / (value - q / left);
  const r = aboveSlope * right * right;
  const c = value - q / left - r / right;
  const linear = c * (left + right) + q + r;
  const constant = left * right * value;
  const root = Math.sqrt(Math.max(0, linear * linear - 4 * c * constant));
  return linear <= 0 ? (linear - root) / (2 * c) : (2 * constant) / (linear + root);
}
