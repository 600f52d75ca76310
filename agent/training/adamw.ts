/**
 * @file AdamW (Loshchilov & Hutter, 2019) as PyTorch computes it: decay before the update, epsilon
 *   after the bias correction. The update runs in ONNX Runtime, in place, one cache-sized chunk of
 *   the flat arrays at a time.
 */
import { RegmeanError } from '../../shared/errors.ts';
import { Graph } from '../../shared/graph/graph.ts';
import * as ops from '../../shared/graph/ops/index.ts';
import type { Compute } from '../../shared/runtime/compute.ts';
import { createSession, type RunTensor } from '../../shared/runtime/session.ts';
import { firstNotFinite } from '../../shared/tensor.ts';
import type { ParameterArena } from './parameter-arena.ts';

/**
 * Elements per update: four arrays of 1 MiB stay in the caches, and the cost of a call is spread
 * over many elements.
 */
const chunkLength = 1 << 18;

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
  step(learningRate: number): Promise<number>;
  state(): AdamWState;
  restore(state: AdamWState): void;
  dispose(): Promise<void>;
}

/** Creates an optimizer; `gradients` must have the layout of `parameters`. */
export async function createAdamW(
  { parameters, gradients }: Readonly<Record<'parameters' | 'gradients', ParameterArena>>,
  options: AdamWOptions,
  compute: Compute,
): Promise<AdamW> {
  const firstMoment = new Float32Array(parameters.flat.length);
  const secondMoment = new Float32Array(parameters.flat.length);
  const session = await createSession(updateGraph(options), compute);
  const chunks = chunkRanges(parameters).map(({ start, end, decayed }) => {
    const view = (flat: Float32Array): RunTensor => ({
      shape: [end - start],
      data: flat.subarray(start, end),
    });
    const [p, m, v] = [view(parameters.flat), view(firstMoment), view(secondMoment)];
    const feeds: [string, RunTensor][] = [
      ['p', p],
      ['g', view(gradients.flat)],
      ['m', m],
      ['v', v],
    ];
    const into = new Map([
      ['new_p', p],
      ['new_m', m],
      ['new_v', v],
    ]);
    return { decayed, feeds, into };
  });
  let step = 0;

  return {
    async step(learningRate) {
      const norm = globalNorm(gradients.flat);
      if (!Number.isFinite(norm)) throw notFinite(gradients, step + 1);
      step++;
      const scalar = (value: number): RunTensor => ({ shape: [], data: Float32Array.of(value) });
      const clip = Math.min(1, options.maxGradientNorm / (norm + 1e-6));
      const rootCorrection = Math.sqrt(1 - options.beta2 ** step);
      const scalars: [string, RunTensor][] = [
        ['first_gain', scalar((1 - options.beta1) * clip)],
        ['second_gain', scalar((1 - options.beta2) * clip * clip)],
        ['step_size', scalar((learningRate * rootCorrection) / (1 - options.beta1 ** step))],
        ['epsilon', scalar(options.epsilon * rootCorrection)],
      ];
      const keep = scalar(1 - learningRate * options.weightDecay);
      const keepAll = scalar(1);
      for (const chunk of chunks) {
        const feeds = new Map([...chunk.feeds, ...scalars, ['keep', chunk.decayed ? keep : keepAll]]);
        await session.run(feeds, chunk.into);
      }
      return norm;
    },
    state: () => ({ firstMoment, secondMoment, step }),
    restore(state) {
      firstMoment.set(state.firstMoment);
      secondMoment.set(state.secondMoment);
      step = state.step;
    },
    dispose: () => session.dispose(),
  };
}

/**
 * One update of a chunk, with scalars moved out of the element-wise work: m' = beta1 m + firstGain
 * g; v' = beta2 v + secondGain g^2; p' = keep p - stepSize m' / (sqrt(v') + epsilon). The gains
 * hold the clipping; stepSize and epsilon hold both bias corrections, which equals PyTorch's m' /
 * (1 - beta1^t) / (sqrt(v' / (1 - beta2^t)) + epsilon). Each result is the last use of the array it
 * replaces, which makes updating in place safe.
 */
function updateGraph(options: AdamWOptions): Graph {
  const graph = new Graph();
  const vector = (name: string) => graph.input(name, 'float32', ['n']);
  const scalar = (name: string) => graph.input(name, 'float32', []);
  const g = vector('g');
  const m = ops.add(ops.mulScalar(vector('m'), options.beta1), ops.mul(g, scalar('first_gain')));
  const v = ops.add(ops.mulScalar(vector('v'), options.beta2), ops.mul(ops.mul(g, scalar('second_gain')), g));
  const change = ops.mul(ops.div(m, ops.add(ops.sqrt(v), scalar('epsilon'))), scalar('step_size'));
  graph.output('new_m', m);
  graph.output('new_v', v);
  graph.output('new_p', ops.sub(ops.mul(vector('p'), scalar('keep')), change));
  return graph;
}

function chunkRanges(arena: ParameterArena): { start: number; end: number; decayed: boolean }[] {
  const ranges = [];
  const sections = [
    { from: 0, to: arena.decayedLength, decayed: true },
    { from: arena.decayedLength, to: arena.flat.length, decayed: false },
  ];
  for (const { from, to, decayed } of sections) {
    for (let start = from; start < to; start += chunkLength) {
      ranges.push({ start, end: Math.min(to, start + chunkLength), decayed });
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
