/**
 * @file Words about output Grams that agent, merger, recipes and files share. The output Gram of a
 *   linear layer is the covariance H of the gradients g = d log p(y|x) / d output: the mean over
 *   examples of the sum of g^T g over their rows, [outputs, outputs]. With that of its inputs it is
 *   the layer's Fisher information in Kronecker factors (Martens and Grosse,
 *   https://arxiv.org/abs/1503.05671).
 */
import type { LinearLayer } from '../models/linear-layers.ts';
import { isLanguageTask, type TaskKind } from '../task.ts';
import type { FisherVariant } from './fisher.ts';

/** Name of their file in a contribution folder, which is of the format of Gram files. */
export const outputGramsFile = 'output-grams.safetensors';

/**
 * Whether a layer that has a Gram has an output Gram: a language model's head has as many outputs
 * as its vocabulary, whose square nobody could send.
 */
export function hasOutputGram({ kind }: Pick<LinearLayer, 'kind'>, task: TaskKind): boolean {
  return !(kind === 'head' && isLanguageTask(task));
}

/** Which output Grams, over how much of the data. */
export interface OutputGramsOptions {
  /** Whose labels gradients are taken at. */
  readonly variant: FisherVariant;
  /** The most examples; a seeded random part of the data when it has more. */
  readonly examples: number;
}

export const outputGramsDefaults = { examples: 256 } as const;
