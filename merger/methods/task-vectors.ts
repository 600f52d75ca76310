/**
 * @file Task vectors: what fine-tuning added to a parameter, tau_i = theta_i - theta_0. Methods
 *   that combine them entry by entry share how they are read, block by block, weighed and written.
 */
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
  /** Walks over blocks of all tau_i, in their order; a block is overwritten by the next one. */
  eachBlock(look: (vectors: readonly Float32Array[]) => void): Promise<void>;
}

/** Blocks of the task vectors of one parameter, at the same entries. */
export interface TaskVectors {
  /** tau_i, one for each contribution. */
  readonly vectors: readonly Float32Array[];
  /** What each counts: coefficients relative to their mean, so that equal ones are 1. */
  readonly weights: readonly number[];
}

/**
 * What is added to the base, of a block; blocks come in their order, each once. The vectors may be
 * overwritten.
 */
export type Combine = (block: TaskVectors) => Float64Array;

/** How a method combines task vectors. */
export interface TaskVectorMethod {
  /** Looks at a parameter as a whole. */
  begin(source: TaskVectorSource): Promise<Combine>;
}

/** A step for each parameter; see `taskVectorStep`. */
export function taskVectorSteps(inputs: MergeInputs, method: TaskVectorMethod): readonly MergeStep[] {
  return inputs.parameters.map((parameter) => taskVectorStep(inputs, parameter, method));
}

/** The step of one parameter; one that the base lacks, or that is asked for, is averaged. */
export function taskVectorStep(
  inputs: MergeInputs,
  parameter: string,
  { begin }: TaskVectorMethod,
): MergeStep {
  const base = inputs.isAveraged(parameter) ? undefined : baseOf(inputs, parameter);
  if (base === undefined) return meanStep(inputs, parameter);
  const { contributions, coefficients } = inputs;
  const size = sizeOf(base.tensors.get(parameter)?.shape ?? [0]);
  // One block for the base and one for each contribution, used again and again.
  const blocks: Float32Array[] = [];
  const readBlock = async (start: number): Promise<TaskVectorBlock> => {
    const end = Math.min(size, start + blockValues);
    const block = (at: number): Float32Array => {
      blocks[at] ??= new Float32Array(Math.min(size, blockValues));
      return blocks[at].subarray(0, end - start);
    };
    const from = await base.readFloat32Range(parameter, start, end, block(0));
    if (!allFinite(from)) throw notFinite(base.path, parameter);
    const vectors: Float32Array[] = [];
    for (const [index, { agent, weights }] of contributions.entries()) {
      const values = await weights.readFloat32Range(parameter, start, end, block(index + 1));
      // Comparisons with NaN are false: a sparse vector would leave it out without a word.
      if (!subtract(values, from)) throw notFinite(agent, parameter);
      vectors.push(values);
    }
    return { vectors, from, start };
  };
  const eachBlock = async (work: (block: TaskVectorBlock) => Promise<void> | void): Promise<void> => {
    for (let start = 0; start < size; start += blockValues) await work(await readBlock(start));
  };
  return {
    name: parameter,
    parameters: [parameter],
    isCombined: true,
    // Blocks of the task vectors and the base in float32, of the result in float64.
    bytes: Math.min(size, blockValues) * (4 * (contributions.length + 1) + 2 * 8),
    async run(output) {
      // What fits into a block is read once, however often it is looked at.
      const only = size <= blockValues ? await readBlock(0) : undefined;
      const walk: typeof eachBlock = async (work) => (only === undefined ? eachBlock(work) : work(only));
      const combine = await begin({
        ...{ parameter, size, count: contributions.length },
        eachBlock: (look) => walk(({ vectors }) => look(vectors)),
      });
      const weights = relativeToMean(coefficients);
      await walk(async ({ vectors, from, start }) => {
        const values = combine({ vectors, weights });
        for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) + (from[i] as number);
        await output.write(parameter, values, start);
      });
      blocks.length = 0;
      return undefined;
    },
  };
}

/** A block of the task vectors, and of the base. */
interface TaskVectorBlock {
  readonly vectors: readonly Float32Array[];
  readonly from: Float32Array;
  /** Position of its first entry. */
  readonly start: number;
}

/** values <- values - from; whether all differences are finite. */
function subtract(values: Float32Array, from: Float32Array): boolean {
  let areFinite = true;
  for (let i = 0; i < values.length; i++) {
    const difference = (values[i] as number) - (from[i] as number);
    values[i] = difference;
    // Infinity and NaN less themselves are NaN.
    if (difference - difference !== 0) areFinite = false;
  }
  return areFinite;
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
