/**
 * @file A BERT base of a few kilobytes, and toy data of input_ids that it can learn: no tokenizer
 *   is needed.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { createModel, saveModel } from '../../shared/models/model-folder.ts';
import { createRandom, type Random } from '../../shared/random.ts';
import { openSafetensors } from '../../shared/safetensors/open-safetensors.ts';
import { writeSafetensors } from '../../shared/safetensors/write-safetensors.ts';
import type { TaskKind } from '../../shared/task.ts';
import type { FloatTensor } from '../../shared/tensor.ts';

/** config.json of the base; dropout is on, as in real models. */
export const tinyConfig = {
  model_type: 'bert',
  vocab_size: 12,
  hidden_size: 16,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  intermediate_size: 32,
  max_position_embeddings: 12,
  type_vocab_size: 2,
  initializer_range: 0.2,
};

/** Writes a base model with random weights and no task head. */
export async function writeTinyBase(folder: string, changes: object = {}): Promise<string> {
  await mkdir(folder, { recursive: true });
  await saveModel(folder, createModel({ ...tinyConfig, ...changes }, 'masked-lm', [], 5));
  return folder;
}

/** A row of the toy data. */
export interface ToyRow {
  readonly input_ids: readonly number[];
  readonly label?: string | number;
  readonly labels?: readonly string[];
  readonly tags?: readonly string[];
}

const [begin, end, firstWord, words] = [2, 3, 4, 8] as const;

/**
 * Rows of 2 to 6 words whose labels can be read off the words. A word is warm when its id lies in
 * the upper half of the vocabulary: the class is that of most words, both labels hold where there
 * are as many of either, the score is the share of warm words.
 */
export function toyRows(task: TaskKind, count: number, seed: number): ToyRow[] {
  const random = createRandom(seed);
  return Array.from({ length: count }, () => toyRow(task, random));
}

function toyRow(task: TaskKind, random: Random): ToyRow {
  const ids = Array.from(
    { length: 2 + Math.floor(random() * 5) },
    () => firstWord + Math.floor(random() * words),
  );
  const input_ids = [begin, ...ids, end];
  const warm = (id: number): boolean => id >= firstWord + words / 2;
  const share = ids.filter(warm).length / ids.length;
  switch (task) {
    case 'multi-label-classification':
      return { input_ids, labels: [...(share >= 0.5 ? ['warm'] : []), ...(share <= 0.5 ? ['cold'] : [])] };
    case 'regression':
      return { input_ids, label: share };
    case 'token-classification':
      return { input_ids, tags: ['edge', ...ids.map((id) => (warm(id) ? 'warm' : 'cold')), 'edge'] };
    default:
      return { input_ids, label: share > 0.5 ? 'warm' : 'cold' };
  }
}

/** Writes rows as JSON Lines. */
export async function writeRows(path: string, rows: readonly object[]): Promise<string> {
  await writeFile(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return path;
}

/** Every tensor of a model folder. */
export async function readWeights(folder: string): Promise<ReadonlyMap<string, FloatTensor>> {
  const file = await openSafetensors(`${folder}/model.safetensors`);
  const weights = new Map<string, FloatTensor>();
  for (const name of file.tensors.keys()) weights.set(name, await file.readFloat32(name));
  await file.close();
  await file.close();
  return weights;
}

/** Rewrites a model folder's tensors; null leaves one out. */
export async function changeWeights(
  folder: string,
  change: (name: string, tensor: FloatTensor) => FloatTensor | null,
): Promise<void> {
  const changed = [...(await readWeights(folder))].flatMap(([name, tensor]) => {
    const kept = change(name, tensor);
    return kept === null ? [] : [{ name, ...kept }];
  });
  await writeSafetensors(`${folder}/model.safetensors`, changed);
}
