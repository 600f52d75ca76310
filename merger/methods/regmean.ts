/**
 * @file RegMean (Jin, Ren, Preotiuc-Pietro, Cheng: "Dataless Knowledge Fusion by Merging Weights of
 *   Language Models", ICLR 2023, https://arxiv.org/abs/2212.09849, section 3): the weight of a
 *   linear layer whose outputs are, in the least squares sense, nearest to those of every agent's
 *   own layer on that agent's own inputs.
 *
 *     W = (sum_i c_i G~_i)^-1 (sum_i c_i G~_i W_i)
 *     G~_i = alpha G_i + (1 - alpha) diag(G_i) + r I,   G_i = X_i^T X_i
 *
 * It is solved for the deviation D from the last agent's weights W_k, which spares that agent's
 * product:
 *
 *     (sum_i c_i G~_i) D = sum_{i != k} c_i G~_i (W_i - W_k),   W = W_k + D
 *
 * Without Grams, G~_i is the covariance that the change of the agent's own weights tells of its
 * inputs (`weight-covariance.ts`), and D is the deviation from the base.
 *
 * Where the sum is singular, inputs or directions that no data ever reached, the solution is the
 * one nearest to the mean sum_i c_i W_i: there the merged layer is the average of the agents'.
 */

import { z } from '../../shared/zod.ts';
import { type BothSidesSettings, bothSidesSteps } from './both-sides.ts';
import { type GramSettings, gramSystems } from './gram-systems.ts';
import { defineMethod } from './method.ts';
import type { Need } from './needs.ts';
import { option } from './option.ts';
import { needsOfVectors, type OtherParameters, otherSteps, vectorsOption } from './other-parameters.ts';
import { solveStep } from './solve-system.ts';
import type { WeightCovarianceSettings } from './weight-covariance.ts';
import { weightSystems } from './weight-systems.ts';

const options = z.object({
  alpha: option(z.number().min(0).max(1).optional(), {
    onlyWith: { covariance: 'grams' },
    help: 'share of the off-diagonal Gram entries that is kept, 0 (the diagonal only) to 1',
    default: '0.9; 1 with a ridge',
    sweep: {
      title: 'Alpha',
      axis: 'alpha, the share of off-diagonal Gram entries that is kept',
      note: 'All agents merged with the off-diagonal entries of every Gram multiplied by alpha (paper, Section 3.3).',
    },
  }),
  ridge: option(z.number().min(0).optional(), {
    onlyWith: { covariance: 'grams' },
    help: 'constant added to the diagonal of every Gram, scaled as --gram-scale says',
    label: 'constant added to Gram diagonals',
    default: 'none',
    sweep: {
      title: 'Additive constant',
      axis: 'constant added to the diagonals of the mean Grams, alpha 1',
      note: 'All agents merged with a constant on the diagonals instead (paper, Appendix C).',
    },
  }),
  gramScale: option(z.enum(['mean', 'sum']).default('mean'), {
    onlyWith: { covariance: 'grams' },
    help: 'mean: agents count the same; sum: by their rows',
    label: 'Gram scale',
    value: 'scale',
  }),
  covariance: option(z.enum(['grams', 'weights']).default('grams'), {
    help: 'what inputs of layers are known by: Grams, or how far the weights went from the base, without data',
    value: 'source',
  }),
  covarianceEps: option(z.number().min(0).optional(), {
    onlyWith: { covariance: 'weights' },
    help: 'share of the mean diagonal entry that is added to diagonals',
    label: 'added to covariances, of their mean diagonal entry',
    default: '0.1',
    sweep: {
      title: 'Diagonal of covariances from weights',
      axis: 'share of the mean diagonal entry that is added to the diagonal',
      note: 'All agents merged with covariances from their weights, and a constant on the diagonals of these.',
    },
  }),
  covarianceCentring: option(z.enum(['none', 'rows']).optional(), {
    onlyWith: { covariance: 'weights' },
    help: 'rows takes the mean over the outputs off first',
    label: 'centring of covariances',
    value: 'way',
    default: 'none',
  }),
  covarianceNormalize: option(z.enum(['none', 'trace']).optional(), {
    onlyWith: { covariance: 'weights' },
    help: 'trace lets agents that went far count no more than others',
    label: 'covariances divided by',
    value: 'by',
    default: 'none',
  }),
  sides: option(z.enum(['inputs', 'both']).default('inputs'), {
    help: 'both: agents also count by the covariance of their outputs’ gradients, see --outputs',
    label: 'sides of layers that count',
    value: 'which',
  }),
  outputs: option(z.enum(['weights', 'gradients']).optional(), {
    onlyWith: { sides: 'both' },
    help: 'what outputs of layers are known by: how far the weights went from the base, or the gradients’ covariances that agents sent (K-FAC)',
    label: 'covariances of outputs',
    value: 'source',
    default: 'weights',
  }),
  outputsEps: option(z.number().min(0).optional(), {
    onlyWith: { sides: 'both' },
    help: 'share of the mean diagonal entry that is added to diagonals of the outputs’ covariances',
    label: 'added to covariances of outputs, of their mean diagonal entry',
    default: '0.1',
    sweep: {
      title: 'Diagonal of covariances of outputs',
      axis: 'share of the mean diagonal entry that is added to the diagonal',
      note: 'All agents merged by both sides of every layer, with a constant on the diagonals of the outputs’ covariances.',
    },
  }),
  sidesIterations: option(z.int().min(1).optional(), {
    onlyWith: { sides: 'both' },
    help: 'conjugate gradients stop after so many iterations',
    label: 'iterations at most',
    default: '50',
  }),
  sidesTolerance: option(z.number().gt(0).optional(), {
    onlyWith: { sides: 'both' },
    help: 'or when the residual relative to the right side is not above this',
    label: 'tolerance of the relative residual',
    default: '1e-4',
  }),
  vectors: vectorsOption,
});

export const regmean = defineMethod({
  name: 'regmean',
  title: 'RegMean',
  description:
    'every linear layer is the closed-form solution that comes nearest to the outputs of all agents’ layers on their ' +
    'own inputs; all other parameters are averages',
  paper: {
    citation: 'Jin et al., ICLR 2023',
    title: 'Dataless Knowledge Fusion by Merging Weights of Language Models',
    link: 'https://arxiv.org/abs/2212.09849',
    where: 'equation 2 and section 3.3; appendix C with a ridge',
  },
  options,
  settings: settingsOf,
  needs(settings) {
    const { covariance, sides } = settings;
    const ofOutputs = sides === 'inputs' ? null : settings.outputs;
    const needs: readonly Need[] = [
      ...(covariance === 'weights' ? (['layers', 'base'] as const) : (['grams'] as const)),
      ...(ofOutputs === 'weights' ? (['base'] as const) : []),
      ...(ofOutputs === 'gradients' ? (['outputGrams'] as const) : []),
      ...needsOfVectors(settings),
    ];
    return [...new Set(needs)];
  },
  steps(inputs, settings) {
    const { systems, averaged } =
      settings.covariance === 'grams' ? gramSystems(inputs, settings) : weightSystems(inputs, settings);
    const solved = systems.flatMap(({ layers }) => layers.map(({ weight }) => weight));
    const { vectors: _, ...ofSystems } = settings;
    return [
      ...(settings.sides === 'both'
        ? bothSidesSteps(inputs, settings, systems)
        : systems.map((system) => solveStep(inputs, system))
      ).map((step) => ({ ...step, key: JSON.stringify([step.name, step.parameters, ofSystems]) })),
      ...otherSteps(inputs, settings, { solved, averaged }),
    ];
  },
});

type RegmeanSettings = OtherParameters &
  ({ readonly sides: 'inputs' } | ({ readonly sides: 'both' } & BothSidesSettings)) &
  (
    | ({ readonly covariance: 'grams' } & GramSettings)
    | ({ readonly covariance: 'weights' } & WeightCovarianceSettings)
  );

/** Fills in the defaults of the chosen source of covariances, and of the chosen sides. */
function settingsOf(given: z.output<typeof options>): RegmeanSettings {
  const { covariance, alpha, ridge, gramScale, vectors } = given;
  const { sides, outputs = 'weights', outputsEps = 0.1 } = given;
  const { sidesIterations = 50, sidesTolerance = 1e-4 } = given;
  const others =
    sides === 'inputs'
      ? { sides, vectors }
      : { sides, outputs, outputsEps, sidesIterations, sidesTolerance, vectors };
  if (covariance === 'weights') {
    const { covarianceEps = 0.1, covarianceCentring = 'none', covarianceNormalize = 'none' } = given;
    return { covariance, covarianceEps, covarianceCentring, covarianceNormalize, ...others };
  }
  const shares = { alpha: alpha ?? (ridge === undefined ? 0.9 : 1), ridge: ridge ?? 0, gramScale };
  return { covariance, ...shares, ...others };
}
