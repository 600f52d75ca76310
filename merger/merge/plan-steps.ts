/** @file The steps of a merge: the method's, those of rows per class, and what the base keeps. */
import type { LayerIndex } from '../../shared/models/layer-index.ts';
import type { TensorReader } from '../../shared/safetensors/open-safetensors.ts';
import { classRowSteps } from '../heads/class-rows.ts';
import { scaledStep } from '../methods/delta-scale.ts';
import type { MergeStep } from '../methods/merge-step.ts';
import { baseStep } from './excluded-parameters.ts';
import type { ResolvedMergeOptions } from './merge-options.ts';
import type { MergeSources } from './open-sources.ts';
import type { StepResults } from './step-results.ts';

/** The steps of a merge, before any is run. */
export interface StepPlan {
  /** The models' linear layers, where the method asks for them and they are known. */
  readonly layers: LayerIndex | null;
  /** What the steps that other merges of these sources may have are known by. */
  readonly keys: readonly string[];
  /** All steps, in their order. */
  steps(results?: StepResults): readonly MergeStep[];
}

/**
 * Plans a merge.
 *
 * @throws RegmeanError when contributions lack what the method needs
 */
export async function planSteps(
  sources: Omit<MergeSources, 'close'>,
  { prepared, average, scale }: Pick<ResolvedMergeOptions, 'prepared' | 'average' | 'scale'>,
): Promise<StepPlan> {
  const { contributions, coefficients, gemm } = sources;
  const { classRows, united } = sources.heads;
  const { merged, excluded } = sources.split;
  const { needs } = prepared;
  const layers = needs.includes('grams') || needs.includes('layers') ? await sources.layers() : null;
  const inputs = {
    ...{ contributions, coefficients, gemm, layers, base: sources.base?.weights },
    allParameters: merged,
    isAveraged: (parameter: string) => average.some((pattern) => pattern.test(parameter)),
  };
  const own = prepared.steps({ ...inputs, parameters: merged.filter((name) => !classRows.has(name)) });
  const byClass = { ...inputs, parameters: merged.filter((name) => classRows.has(name)) };
  return {
    layers,
    keys: own.flatMap(({ key }) => key ?? []),
    steps: (results) => [
      ...own.map((step) => scaledStep(results?.remembered(step) ?? step, inputs, scale)),
      ...(united === null ? [] : classRowSteps(prepared.steps, byClass, united)),
      ...excluded.map((parameter) => baseStep(inputs.base as TensorReader, parameter)),
    ],
  };
}
