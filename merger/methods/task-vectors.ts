/**
 * @file Task vectors: what fine-tuning added to a parameter, tau_i = theta_i - theta_0. Methods
 *   that combine them entry by entry share how they are read, block by block, weighed and written.
 */
import type { Contribution } from '../../shared/contribution/open-contribution.ts';
import { sizeOf } from '../../shared/tensor.ts';
import { baseOf } from './base-values.ts';
import { allFinite, notFinite } from './finite.ts';
import { meanStep } from './mean-step.ts';
import type { MergeInputs, MergeStep } from './merge-step.ts';

/** Entries of a parameter that are in memory at a time, of every contribution. */
const blockValues = 1 << 18;

/** The task vectors of one parameter, to be looked at before they are combined. */
export interface TaskVectorSource {
  readonly parameter: string;
  readonly size: number;
  /** How many contributions. */
  readonly count: number;
  /** tau_i as a whole. */
  readWhole(index: number): Promise<Float32Array>;
  /** Entries `start` to `end` (exclusive) of every tau_i. */
  readBlock(start: number, end: number): Promise<readonly Float32Array[]>;
}

/** Blocks of the task vectors of one parameter, at the same entries. */
export interface TaskVectors {
  /** tau_i, one for each contribution. */
  readonly vectors: readonly Float32Array[];
  /** What each counts: coefficients relative to their mean, so that equal ones are 1. */
  readonly weights: readonly number[];
}

/** What is added to the base, of a block; blocks come in their order, each once. */
export type Combine = (block: TaskVectors) => Float64Array;

/** How a method combines task vectors. */
export interface TaskVectorMethod {
  /** Looks at a parameter as a whole. */
  begin(source: TaskVectorSource): Promise<Combine>;
  /** How many float32 vectors as large as the parameter that takes; none when absent. */
  readonly wholeVectors?: number;
}

/** A step for each parameter; see `taskVectorStep`. */
export function taskVectorSteps(inputs: MergeInputs, method: TaskVectorMethod): readonly MergeStep[] {
  return inputs.parameters.map((parameter) => taskVectorStep(inputs, parameter, method));
}

/** The step of one parameter; one that the base lacks, or that is asked for, is averaged. */
export function taskVectorStep(
  inputs: MergeInputs,
  parameter: string,
  { begin, wholeVectors = 0 }: TaskVectorMethod,
): MergeStep {
  const base = inputs.isAveraged(parameter) ? undefined : baseOf(inputs, parameter);
  if (base === undefined) return meanStep(inputs, parameter);
  const { contributions, coefficients } = inputs;
  const size = sizeOf(base.tensors.get(parameter)?.shape ?? [0]);
  const baseRange = async (start: number, end: number): Promise<Float32Array> => {
    const values = await base.readFloat32Range(parameter, start, end);
    if (!allFinite(values)) throw notFinite(base.path, parameter);
    return values;
  };
  const changeOf = async (index: number, start: number, from: Float32Array): Promise<Float32Array> => {
    const { agent, weights } = contributions[index] as Contribution;
    const values = await weights.readFloat32Range(parameter, start, start + from.length);
    // Comparisons with NaN are false: a sparse vector would leave it out without a word.
    if (!allFinite(values)) throw notFinite(agent, parameter);
    for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) - (from[i] as number);
    return values;
  };
  const changesOfAll = async (start: number, from: Float32Array): Promise<readonly Float32Array[]> => {
    const vectors: Float32Array[] = [];
    for (const index of contributions.keys()) vectors.push(await changeOf(index, start, from));
    return vectors;
  };
  return {
    name: parameter,
    parameters: [parameter],
    isCombined: true,
    // Blocks of the task vectors and the base in float32, of the result in float64.
    bytes: 4 * wholeVectors * size + Math.min(size, blockValues) * (4 * (contributions.length + 1) + 2 * 8),
    async run(output) {
      const combine = await begin({
        ...{ parameter, size, count: contributions.length },
        readWhole: async (index) => changeOf(index, 0, await baseRange(0, size)),
        readBlock: async (start, end) => changesOfAll(start, await baseRange(start, end)),
      });
      const weights = relativeToMean(coefficients);
      await eachBlock(size, async (start, end) => {
        const from = await baseRange(start, end);
        const values = combine({ vectors: await changesOfAll(start, from), weights });
        for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) + (from[i] as number);
        await output.write(parameter, values, start);
      });
      return undefined;
    },
  };
}

/** Walks over entries in blocks. */
export async function eachBlock(
  size: number,
  work: (start: number, end: number) => Promise<void>,
): Promise<void> {
  for (let start = 0; start < size; start += blockValues)
    await work(start, Math.min(size, start + blockValues));
}

/** Coefficients divided by their mean, so that equal ones are 1. */
export function relativeToMean(coefficients: readonly number[]): readonly number[] {
  const sum = coefficients.reduce((total, value) => total + value, 0);
  return coefficients.map((value) => (value * coefficients.length) / sum);
}

/** factor sum_i w_i tau_i */
export function weightedSum({ vectors, weights }: TaskVectors, factor: number): Float64Array {
  const sum = new Float64Array(vectors[0]?.length ?? 0);
  for (const [index, vector] of vectors.entries()) {
    const weight = factor * (weights[index] as number);
    for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) + weight * (vector[i] as number);
  }
  return sum;
}
