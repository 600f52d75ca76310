/** @file Runs the steps of a merge and writes what they give. */
import type { Contribution } from '../../shared/contribution/open-contribution.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { type RunContext, stopIfAsked } from '../../shared/runtime/run-context.ts';
import { isFloatDtype } from '../../shared/safetensors/dtype.ts';
import { weightsFile } from '../../shared/safetensors/model-weights.ts';
import { fillSafetensors, type TensorSpec } from '../../shared/safetensors/write-safetensors.ts';
import { sizeOf } from '../../shared/tensor.ts';
import { allFinite, notFinite } from '../methods/finite.ts';
import type { LayerGroupReport, MergeOutput, MergeStep } from '../methods/merge-step.ts';

/** What fused weights are written of. */
export interface WeightsRequest {
  /** The file. */
  readonly path: string;
  /** All tensors of the file. */
  readonly specs: readonly TensorSpec[];
  readonly contributions: readonly Contribution[];
  /** Together they write every floating point tensor. */
  readonly steps: readonly MergeStep[];
  /** What is said to be finished. */
  readonly out: string;
  /** Makes tensors of merged parameters, where these are not the tensors of the file. */
  readonly into?: (output: MergeOutput) => MergeOutput;
}

/**
 * Writes the fused weights, step by step; tensors that are no floating point numbers are those of
 * the first contribution.
 *
 * @param context stops the merge between two steps
 * @returns what the steps report of layer groups
 * @throws RegmeanError when a merged value is not finite; `interrupted`
 */
export async function writeWeights(
  { path, specs, contributions, steps, out, into = (output) => output }: WeightsRequest,
  context: RunContext,
): Promise<readonly LayerGroupReport[]> {
  const { weights } = contributions[0] as Contribution;
  const sizeOfStep = ({ parameters }: MergeStep): number =>
    parameters.reduce((sum, parameter) => sum + sizeOf(weights.tensors.get(parameter)?.shape ?? [0]), 0);
  const total = steps.reduce((sum, step) => sum + sizeOfStep(step), 0);
  const groups: LayerGroupReport[] = [];
  await fillSafetensors(path, specs, { format: 'pt' }, async (sink) => {
    for (const { name, dtype } of specs) {
      if (!isFloatDtype(dtype)) await sink.write(name, await weights.readBytes(name));
    }
    let done = 0;
    const progress = context.progress({ label: 'merging', total, unit: 'weights' });
    const output = checkFinite(into(sink), contributions);
    for (const step of steps) {
      stopIfAsked(context, () => `merge: stopped at ${step.name}, nothing was written`);
      progress.update(done, step.name);
      const group = await step.run(output);
      if (group !== undefined) groups.push(group);
      done += sizeOfStep(step);
    }
    progress.update(done, weightsFile);
    progress.finish(out);
  });
  return groups;
}

/** Lets only finite values through. */
function checkFinite(output: MergeOutput, contributions: readonly Contribution[]): MergeOutput {
  return {
    async write(name, data, start) {
      if (!allFinite(data)) throw await blame(name, contributions);
      await output.write(name, data, start);
    },
  };
}

/**
 * Says whose weights are not finite; when all are, the values are too large for the computation.
 */
async function blame(name: string, contributions: readonly Contribution[]): Promise<RegmeanError> {
  for (const { agent, weights } of contributions) {
    if (allFinite(await weights.readFloat64(name))) continue;
    return notFinite(agent, name);
  }
  return new RegmeanError('numerical', `parameter ${name}: merged values must be finite, are not`, {
    hint: 'check the Grams of this layer for values that are not finite',
  });
}
