/** @file The weights of layers that are solved for together, as one matrix. */

import { type Matrix, transpose, zeros } from '../../shared/linalg/matrix.ts';
import type { TensorReader } from '../../shared/safetensors/open-safetensors.ts';
import type { SolvedLayer } from './layer-groups.ts';
import type { MergeOutput } from './merge-step.ts';

/** Layers that read the same inputs. */
export interface LayerStack {
  /** Input features d. */
  readonly dimension: number;
  readonly layers: readonly SolvedLayer[];
}

/** Outputs of all layers together. */
export function outputsOf({ layers }: Pick<LayerStack, 'layers'>): number {
  return layers.reduce((sum, { outputs }) => sum + outputs, 0);
}

/**
 * Weights of the layers on top of one another: [sum of outputs, d], float64.
 *
 * @param into a matrix of this size that they are put into and returned in
 */
export async function readStack(weights: TensorReader, stack: LayerStack, into?: Matrix): Promise<Matrix> {
  const matrix = into ?? zeros(outputsOf(stack), stack.dimension);
  let offset = 0;
  for (const { weight: name, inputs, outputs, orientation } of stack.layers) {
    const part = matrix.data.subarray(offset, offset + inputs * outputs);
    const data = await weights.readFloat64(name, orientation === 'out-in' ? part : undefined);
    const own = orientation === 'out-in' ? data : transpose({ rows: inputs, columns: outputs, data }).data;
    if (own !== part) part.set(own);
    offset += own.length;
  }
  return matrix;
}

/** Writes the weights of the layers as the model stores them. */
export async function writeStack(
  matrix: Matrix,
  layers: readonly SolvedLayer[],
  output: MergeOutput,
): Promise<void> {
  let offset = 0;
  for (const { weight, inputs, outputs, orientation } of layers) {
    const data = matrix.data.subarray(offset, offset + inputs * outputs);
    const stored = orientation === 'out-in' ? data : transpose({ rows: outputs, columns: inputs, data }).data;
    await output.write(weight, stored);
    offset += data.length;
  }
}
