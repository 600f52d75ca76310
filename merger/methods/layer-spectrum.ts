/** @file The singular values of a layer's change. */
import type { Gemm } from '../../shared/linalg/gemm.ts';
import { frobeniusNorm, type Matrix } from '../../shared/linalg/matrix.ts';
import { type SingularVectors, singularVectors } from '../../shared/linalg/singular-vectors.ts';
import type { LayerChanges } from './changed-layers.ts';

/** How many singular values a layer's weight has. */
export function spectrumSize({ layer }: Pick<LayerChanges, 'layer'>): number {
  return Math.min(layer.inputs, layer.outputs);
}

/**
 * Singular values and vectors of a change. Weights are differences of float32 values, whose
 * rounding is as large as a matrix of noise: values within it are none, or a method that makes all
 * values alike would enlarge it. A change of low rank, as adapters make, thus has no more than
 * that.
 *
 * @param change [n, d]
 * @param count only the largest so many; all when absent
 */
export function changeSpectrum(
  gemm: Gemm,
  changes: LayerChanges,
  change: Matrix,
  count = spectrumSize(changes),
): Promise<SingularVectors> {
  const { layer, origin, weights } = changes;
  const rounding = 2 ** -23 * frobeniusNorm(origin) * Math.sqrt(weights.length);
  const tolerance = rounding / Math.sqrt(spectrumSize(changes));
  return singularVectors(gemm, `layer ${layer.module}`, change, { count, tolerance });
}
