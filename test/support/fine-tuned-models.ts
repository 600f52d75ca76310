/**
 * @file A tiny BERT base and models that stand for fine-tuned ones: every parameter of the encoder
 *   moved a little, the head new.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createModel, type Model, saveModel } from '../../shared/models/model-folder.ts';
import { createRandom, normal } from '../../shared/random.ts';
import { tinyConfig } from './tiny-model.ts';

/** The base, the models, and where they were written. */
export interface FineTunedModels {
  readonly base: Model;
  readonly baseFolder: string;
  readonly models: readonly Model[];
  readonly folders: readonly string[];
}

/**
 * Writes a base and models below `root`.
 *
 * @param size how far each model's values moved, as a standard deviation
 */
export async function writeFineTunedModels(root: string, sizes: readonly number[]): Promise<FineTunedModels> {
  const base = createModel(tinyConfig, 'masked-lm', [], 5);
  const baseFolder = join(root, 'base');
  await mkdir(baseFolder, { recursive: true });
  await saveModel(baseFolder, base);
  const models: Model[] = [];
  const folders: string[] = [];
  for (const [index, size] of sizes.entries()) {
    const model = createModel(tinyConfig, 'text-classification', ['no', 'yes'], index + 1);
    const random = createRandom(index + 100);
    for (const [name, { data }] of model.weights) {
      const from = base.weights.get(name);
      if (from === undefined) continue;
      for (const at of data.keys()) data[at] = (from.data[at] as number) + size * normal(random);
    }
    const folder = join(root, `agent-${index}`);
    await mkdir(folder, { recursive: true });
    await saveModel(folder, model);
    models.push(model);
    folders.push(folder);
  }
  return { base, baseFolder, models, folders };
}
