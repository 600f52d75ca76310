/**
 * @file AdamW (Loshchilov & Hutter, 2019) as PyTorch computes it: decay before the update, epsilon
 *   after the bias correction. The update runs in place, one cache-sized chunk of the flat arrays
 *   at a time. The scalars hold what is common to all elements: the gains the clipping, step size
 *   and epsilon both bias corrections, which equals PyTorch's m' / (1 - beta1^t) / (sqrt(v' / (1 -
 *   beta2^t)) + epsilon).
 */
import { RegmeanError } from '../../shared/errors.ts';
import { firstNotFinite } from '../../shared/tensor.ts';
import { createAdamWKernel, kernelLength } from './adamw-kernel.ts';
import type { ParameterArena } from './parameter-arena.ts';

/** Hyperparameters that do not change during training. */
export interface AdamWOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** Gradients are scaled down to this global norm; Infinity leaves them. */
  readonly maxGradientNorm: number;
}

/** PyTorch's defaults, with the clipping that fine-tuning usually has. */
export const adamWDefaults: AdamWOptions = {
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0.01,
  maxGradientNorm: 1,
};

/** The optimizer's memory: moments and the number of steps taken. */
export interface AdamWState {
  readonly firstMoment: Float32Array;
  readonly secondMoment: Float32Array;
  readonly step: number;
}

/** An optimizer over one arena of parameters and one of gradients. */
export interface AdamW {
  /**
   * Updates the parameters from the gradients.
   *
   * @returns the global norm of the gradients before clipping
   * @throws when a gradient is not finite
   */
  step(learningRate: number): number;
  state(): AdamWState;
  restore(state: AdamWState): void;
}

/** Creates an optimizer; `gradients` must have the layout of `parameters`. */
export function createAdamW(
  { parameters, gradients }: Readonly<Record<'parameters' | 'gradients', ParameterArena>>,
  options: AdamWOptions,
): AdamW {
  const firstMoment = new Float32Array(parameters.flat.length);
  const secondMoment = new Float32Array(parameters.flat.length);
  const update = createAdamWKernel();
  const chunks = chunkRanges(parameters).map(({ start, end, decayed }) => ({
    decayed,
    slices: {
      parameter: parameters.flat.subarray(start, end),
      gradient: gradients.flat.subarray(start, end),
      firstMoment: firstMoment.subarray(start, end),
      secondMoment: secondMoment.subarray(start, end),
    },
  }));
  let step = 0;

  return {
    step(learningRate) {
      const norm = globalNorm(gradients.flat);
      if (!Number.isFinite(norm)) throw notFinite(gradients, step + 1);
      step++;
      const clip = Math.min(1, options.maxGradientNorm / (norm + 1e-6));
      const rootCorrection = Math.sqrt(1 - options.beta2 ** step);
      const scalars = {
        beta1: options.beta1,
        beta2: options.beta2,
        firstGain: (1 - options.beta1) * clip,
        secondGain: (1 - options.beta2) * clip * clip,
        stepSize: (learningRate * rootCorrection) / (1 - options.beta1 ** step),
        epsilon: options.epsilon * rootCorrection,
      };
      const keep = 1 - learningRate * options.weightDecay;
      for (const { decayed, slices } of chunks) update(slices, { ...scalars, keep: decayed ? keep : 1 });
      return norm;
    },
    state: () => ({ firstMoment, secondMoment, step }),
    restore(state) {
      firstMoment.set(state.firstMoment);
      secondMoment.set(state.secondMoment);
      step = state.step;
    },
  };
}

function chunkRanges(arena: ParameterArena): { start: number; end: number; decayed: boolean }[] {
  const ranges = [];
  const sections = [
    { from: 0, to: arena.decayedLength, decayed: true },
    { from: arena.decayedLength, to: arena.flat.length, decayed: false },
  ];
  for (const { from, to, decayed } of sections) {
    for (let start = from; start < to; start += kernelLength) {
      ranges.push({ start, end: Math.min(to, start + kernelLength), decayed });
    }
  }
  return ranges;
}

/**
 * The Euclidean norm, in float64. Four sums, because each addition to a single one would wait for
 * the last.
 */
function globalNorm(values: Float32Array): number {
  let sum0 = 0;
  let sum1 = 0;
  let sum2 = 0;
  let sum3 = 0;
  const end = values.length - (values.length % 4);
  for (let i = 0; i < end; i += 4) {
    sum0 += (values[i] as number) ** 2;
    sum1 += (values[i + 1] as number) ** 2;
    sum2 += (values[i + 2] as number) ** 2;
    sum3 += (values[i + 3] as number) ** 2;
  }
  for (let i = end; i < values.length; i++) sum0 += (values[i] as number) ** 2;
  return Math.sqrt(sum0 + sum1 + sum2 + sum3);
}

function notFinite(gradients: ParameterArena, step: number): RegmeanError {
  const name = [...gradients.tensors].find(([, tensor]) => firstNotFinite(tensor.data) >= 0)?.[0];
  return new RegmeanError('numerical', `training: the gradient of ${name} is not finite at step ${step}`, {
    hint: 'lower the learning rate; check the data for extreme values',
  });
}
