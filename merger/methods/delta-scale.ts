/** @file The change from the base, made larger or smaller: theta_0 + s (theta - theta_0). */

import type { TensorReader } from '../../shared/safetensors/open-safetensors.ts';
import { baseOf } from './base-values.ts';
import type { MergeInputs, MergeOutput, MergeStep } from './merge-step.ts';

/**
 * A step whose results are drawn out from the base, or toward it, by a factor. Parameters that the
 * base does not hold, as new heads, stay as they are merged.
 */
export function scaledStep(
  step: MergeStep,
  inputs: Pick<MergeInputs, 'base' | 'contributions'>,
  scale: number,
): MergeStep {
  if (scale === 1) return step;
  const bases = new Map(
    step.parameters.flatMap((parameter): [string, TensorReader][] => {
      const base = baseOf(inputs, parameter);
      return base === undefined ? [] : [[parameter, base]];
    }),
  );
  return {
    ...step,
    run: (output) => step.run(scaledOutput(output, bases, scale)),
  };
}

function scaledOutput(
  output: MergeOutput,
  bases: ReadonlyMap<string, TensorReader>,
  scale: number,
): MergeOutput {
  return {
    async write(parameter, data, start = 0) {
      const base = bases.get(parameter);
      if (base === undefined) return output.write(parameter, data, start);
      const from = await base.readFloat32Range(parameter, start, start + data.length);
      const scaled = new Float64Array(data.length);
      for (let i = 0; i < scaled.length; i++) {
        const origin = from[i] as number;
        scaled[i] = origin + scale * ((data[i] as number) - origin);
      }
      return output.write(parameter, scaled, start);
    },
  };
}
