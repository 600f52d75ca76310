/**
 * @file Normalisation layers whose outputs are, in the least squares sense, nearest to those of
 *   every agent's own layer on that agent's own inputs, as LOT Merging (Sun et al.: "Towards
 *   Minimizing Feature Drift in Model Merging: Layer-wise Task Vector Fusion for Adaptive Knowledge
 *   Integration", NeurIPS 2025, https://arxiv.org/abs/2505.23859) has it for every layer. A layer
 *   gives gamma x^ + beta of its normalised input x^, feature by feature:
 *
 *     (gamma, beta) = argmin sum_i c_i mean((gamma x^ + beta) - (gamma_i x^ + beta_i))^2
 *
 *   With n rows, s their sum of x^ and q that of its squares, A_i = (q_i s_i; s_i n_i) / n_i, it is
 *   solved for the deviation d from the mean m = sum_i c_i (gamma_i, beta_i):
 *
 *     (sum_i c_i A_i) d = sum_i c_i A_i ((gamma_i, beta_i) - m)
 *
 *   The paper has the scale alone (its equation 12, the mean weighed by q) and averages shifts: the
 *   same where the s_i are zero, and without a shift. Here a scale and a shift that change together
 *   are also merged together.
 *
 *   In a direction that no data tells of (no rows, x^ zero or the same in all of them) the solution
 *   is the mean, as with RegMean.
 */

import { checkNormShapes } from '../../shared/contribution/check-norms.ts';
import type { Contribution } from '../../shared/contribution/open-contribution.ts';
import type { NormEntry, NormFile } from '../../shared/contribution/open-norms.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { allFinite, notFinite } from './finite.ts';
import type { MergeInputs, MergeStep } from './merge-step.ts';

/** Whether agents count the same, or by their rows; see `GramSettings`. */
export type NormScale = 'mean' | 'sum';

/**
 * Below this share of q n the determinant q n - s^2 is rounding: x^, which is float32, is the same
 * in all rows.
 */
const singularShare = 1e-12;

/**
 * A step for each normalisation layer. A layer of which a parameter is averaged whatever the
 * method, or is not to be merged, has none.
 *
 * @param inputs all contributions have sums of normalisation layers
 * @throws RegmeanError `invalid-input` when the sums are not of the same layers, or do not fit the
 *   parameters
 */
export function normSteps(inputs: MergeInputs, scale: NormScale): readonly MergeStep[] {
  const { contributions, parameters } = inputs;
  const files = contributions.map(({ norms }) => norms as NormFile);
  requireSameLayers(contributions, new Set(parameters));
  const merged = new Set(parameters.filter((parameter) => !inputs.isAveraged(parameter)));
  const [first] = files;
  return [...(first?.layers ?? [])].flatMap(([gamma, entry]) => {
    const own = entry.shift === null ? [gamma] : [gamma, entry.shift];
    return own.every((parameter) => merged.has(parameter))
      ? [normStep(inputs, scale, { files, parameters: own, entry })]
      : [];
  });
}

interface SolvedNorm {
  readonly files: readonly NormFile[];
  /** The scale, and the shift where there is one. */
  readonly parameters: readonly string[];
  readonly entry: NormEntry;
}

function normStep(
  { contributions, coefficients }: MergeInputs,
  scale: NormScale,
  { files, parameters, entry: { features } }: SolvedNorm,
): MergeStep {
  const [gamma = '', beta] = parameters;
  const readOwn = async (index: number, parameter: string | undefined): Promise<Float64Array> => {
    if (parameter === undefined) return new Float64Array(features);
    const { agent, weights } = contributions[index] as Contribution;
    const values = await weights.readFloat64(parameter);
    if (!allFinite(values)) throw notFinite(agent, parameter);
    return values;
  };
  return {
    name: gamma,
    parameters,
    isSolved: true,
    key: JSON.stringify(['norms', scale, parameters]),
    // Two means, three sums of systems, two right sides, and of one contribution four.
    bytes: 11 * 8 * features,
    async run(output) {
      const mean = [new Float64Array(features), new Float64Array(features)] as const;
      for (const [index, coefficient] of coefficients.entries()) {
        for (const [at, parameter] of [gamma, beta].entries())
          addTo(mean[at] as Float64Array, coefficient, await readOwn(index, parameter));
      }
      const systems = emptySystems(features, beta !== undefined);
      for (const [index, coefficient] of coefficients.entries()) {
        const file = files[index] as NormFile;
        const rows = file.layers.get(gamma)?.rows ?? 0;
        if (rows === 0) continue;
        const weight = scale === 'mean' ? coefficient / rows : coefficient;
        const sums = await file.readSums(gamma);
        const deviations = [await readOwn(index, gamma), await readOwn(index, beta)] as const;
        for (const [at, deviation] of deviations.entries()) addTo(deviation, -1, mean[at] as Float64Array);
        addSystem(systems, { weight, rows, sums }, deviations);
      }
      for (let j = 0; j < features; j++) {
        const [g, b] = solve(systems, j);
        mean[0][j] = (mean[0][j] as number) + g;
        mean[1][j] = (mean[1][j] as number) + b;
      }
      await output.write(gamma, mean[0]);
      if (beta !== undefined) await output.write(beta, mean[1]);
      return undefined;
    },
  };
}

/** The systems (q s; s n) d = r of all features, summed over agents. */
interface Systems {
  readonly q: Float64Array;
  /** Absent where there is no shift. */
  readonly s: Float64Array | undefined;
  n: number;
  readonly right: readonly [Float64Array, Float64Array];
}

function emptySystems(features: number, hasShift: boolean): Systems {
  return {
    q: new Float64Array(features),
    s: hasShift ? new Float64Array(features) : undefined,
    n: 0,
    right: [new Float64Array(features), new Float64Array(features)],
  };
}

interface AgentSums {
  readonly weight: number;
  readonly rows: number;
  /** [2, features] */
  readonly sums: Float64Array;
}

function addSystem(
  systems: Systems,
  { weight, rows, sums }: AgentSums,
  [gammas, betas]: readonly [Float64Array, Float64Array],
): void {
  const { q, s, right } = systems;
  const n = weight * rows;
  systems.n += n;
  for (let j = 0; j < q.length; j++) {
    const [ownS, ownQ] = [weight * (sums[j] as number), weight * (sums[q.length + j] as number)];
    const [gamma, beta] = [gammas[j] as number, betas[j] as number];
    q[j] = (q[j] as number) + ownQ;
    right[0][j] = (right[0][j] as number) + ownQ * gamma + ownS * beta;
    if (s === undefined) continue;
    s[j] = (s[j] as number) + ownS;
    right[1][j] = (right[1][j] as number) + ownS * gamma + n * beta;
  }
}

/** The solution of one feature's system; of several the one of least norm. */
function solve({ q, s, n, right }: Systems, j: number): readonly [gamma: number, beta: number] {
  const [own, r, t] = [q[j] as number, right[0][j] as number, right[1][j] as number];
  if (s === undefined) return [own > 0 ? r / own : 0, 0];
  const sum = s[j] as number;
  const determinant = own * n - sum * sum;
  if (determinant > singularShare * own * n) {
    return [(n * r - sum * t) / determinant, (own * t - sum * r) / determinant];
  }
  // The system is u u^T, and its right side a multiple of u.
  const u = [Math.sqrt(own), (sum < 0 ? -1 : 1) * Math.sqrt(n)] as const;
  const square = own + n;
  const along = square > 0 ? (u[0] * r + u[1] * t) / square ** 2 : 0;
  return [u[0] * along, u[1] * along];
}

function addTo(sum: Float64Array, factor: number, values: Float64Array): void {
  for (let j = 0; j < sum.length; j++) sum[j] = (sum[j] as number) + factor * (values[j] as number);
}

/** Checks that all contributions have sums of the same layers, of those that are merged. */
function requireSameLayers(contributions: readonly Contribution[], parameters: ReadonlySet<string>): void {
  const [first] = contributions;
  for (const { agent, norms, weights } of contributions) {
    checkNormShapes(norms as NormFile, weights, 'invalid-input');
    for (const [one, two] of [
      [first, { agent, norms }],
      [{ agent, norms }, first],
    ] as const) {
      for (const [scale, { shift }] of one?.norms?.layers ?? []) {
        const other = two?.norms?.layers.get(scale);
        if (!parameters.has(scale) || other?.shift === shift) continue;
        const what = other === undefined ? 'has none' : `has ${other.shift ?? 'none'}`;
        const of = other === undefined ? `sums of ${scale}` : `${shift ?? 'none'} as shift of ${scale}`;
        throw new RegmeanError(
          'invalid-input',
          `norms must be of the same layers, ${one?.agent} has ${of}, ${two?.agent} ${what}`,
          { hint: 'collect all of them anew with `regmean stats --norms`' },
        );
      }
    }
  }
}
