/** @file Fine-tuning by updates of low rank: how the factors begin, and what is trained. */
import type { LoraPlan } from '../../shared/adapters/lora-plan.ts';
import { factorNames, factorShapes } from '../../shared/models/low-rank.ts';
import type { Model } from '../../shared/models/model-folder.ts';
import { createRandom, deriveSeed } from '../../shared/random.ts';
import { type FloatTensor, sizeOf } from '../../shared/tensor.ts';

/** A model with updates, and the parameters of it that are trained. */
export interface LowRankModel {
  readonly model: Model;
  readonly trained: ReadonlySet<string>;
}

/**
 * Puts updates beside the weights of a model. A begins uniform as in PEFT, B with zeros, so that
 * the model begins as the base; equal seeds give equal factors.
 */
export function withUpdates(model: Model, { updates, whole }: LoraPlan, headSeed: number): LowRankModel {
  const weights = new Map<string, FloatTensor>();
  const trained = new Set<string>(whole);
  for (const [name, tensor] of model.weights) {
    weights.set(name, tensor);
    const update = updates.get(name);
    if (update === undefined) continue;
    const names = factorNames(name);
    const shapes = factorShapes([tensor.shape[0] ?? 0, tensor.shape[1] ?? 0], update);
    weights.set(names.a, uniform(shapes.a, deriveSeed(headSeed, names.a)));
    weights.set(names.b, { shape: shapes.b, data: new Float32Array(sizeOf(shapes.b)) });
    trained.add(names.a).add(names.b);
  }
  return { model: { ...model, weights, updates }, trained };
}

/** Uniform between -1 / sqrt(columns) and 1 / sqrt(columns). */
function uniform(shape: readonly number[], seed: number): FloatTensor {
  const random = createRandom(seed);
  const bound = 1 / Math.sqrt(shape[1] ?? 1);
  return { shape, data: Float32Array.from({ length: sizeOf(shape) }, () => bound * (2 * random() - 1)) };
}
