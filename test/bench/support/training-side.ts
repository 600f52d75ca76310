/** @file This project's side of a benchmark of fine-tuning. */
import { adamWDefaults, createAdamW } from '../../../agent/training/adamw.ts';
import { createArena, fillArena } from '../../../agent/training/parameter-arena.ts';
import { createLossAndGradients } from '../../../agent/training/train-step.ts';
import type { Model } from '../../../shared/models/model-folder.ts';
import type { Compute } from '../../../shared/runtime/compute.ts';
import type { RunTensor } from '../../../shared/runtime/session.ts';
import { secondsOf } from './alternate.ts';

const learningRate = 1e-5;

/** A model ready to be fine-tuned. */
export interface TrainingSide {
  /** Takes a step: forward, backward, clipping, AdamW. Returns the seconds of its two parts. */
  step(
    feeds: ReadonlyMap<string, RunTensor>,
  ): Promise<{ readonly backward: number; readonly optimizer: number }>;
  dispose(): Promise<void>;
}

/** Prepares a model; `dropoutSeed` null leaves dropout out. */
export async function startTraining(
  model: Model,
  { dropoutSeed }: { readonly dropoutSeed: number | null },
  compute: Compute,
): Promise<TrainingSide> {
  const shapes = new Map([...model.weights].map(([name, tensor]) => [name, tensor.shape]));
  const parameters = createArena(shapes);
  const gradientArena = createArena(shapes);
  fillArena(parameters, model.weights);
  const optimizer = createAdamW({ parameters, gradients: gradientArena }, adamWDefaults);
  const backward = await createLossAndGradients(
    model,
    {
      parameters: parameters.tensors,
      gradientArena,
      dropoutSeed,
    },
    compute,
  );
  return {
    step: async (feeds) => ({
      backward: await secondsOf(() => backward.run(feeds)),
      optimizer: await secondsOf(async () => optimizer.step(learningRate)),
    }),
    async dispose() {
      await backward.dispose();
    },
  };
}
