/** @file What to do about a folder that is no model but holds some in folders of its own. */
import { join } from 'node:path';
import { listFolder } from '../files/atomic-folder.ts';
import { readJson } from '../files/read-json.ts';
import { z } from '../zod.ts';

/** Files that a folder of a model or an adapter has one of. */
const modelFiles = ['config.json', 'adapter_config.json', 'model.json', 'model.onnx'];

/** Where the folders of Hugging Face's cache have the versions of a model. */
const snapshots = 'snapshots';

const checkpoint = /^checkpoint-(\d+)$/;

/** What Hugging Face's Trainer writes into each of its checkpoints. */
const trainerStateFile = 'trainer_state.json';
const trainerStateSchema = z.object({ best_model_checkpoint: z.string().nullish() });

const mostShown = 4;

/** A hint that names the models in a folder's folders; null where there are none. */
export async function hintOfModelsInside(folder: string): Promise<string | null> {
  const names = (await listFolder(folder).catch(() => undefined)) ?? [];
  const inside = [
    ...(await holdersOf(folder, names)),
    ...(names.includes(snapshots) ? await snapshotsOf(folder) : []),
  ];
  const checkpoints = inside.filter((name) => checkpoint.test(name));
  const last = checkpoints.at(-1);
  if (last !== undefined) {
    const best = await bestCheckpoint(join(folder, last));
    const known = best !== null && best !== last && checkpoints.includes(best) ? best : null;
    return (
      `it holds checkpoints of a training, ${shown(checkpoints)}: name one of them, ` +
      `${join(folder, last)} is the last${known === null ? '' : `, ${known} the best by its evaluation`}`
    );
  }
  const [first] = inside;
  return first === undefined
    ? null
    : `it holds models, ${shown(inside)}: name one, as ${join(folder, first)}`;
}

/** Folders that hold a model, checkpoints in the order of their steps. */
async function holdersOf(folder: string, names: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const name of names) {
    const inside = (await listFolder(join(folder, name)).catch(() => undefined)) ?? [];
    if (modelFiles.some((file) => inside.includes(file))) found.push(name);
  }
  const step = (name: string): number => Number(checkpoint.exec(name)?.[1] ?? -1);
  return found.sort((one, other) => step(one) - step(other) || (one < other ? -1 : 1));
}

async function snapshotsOf(folder: string): Promise<readonly string[]> {
  const inner = join(folder, snapshots);
  const names = (await listFolder(inner)) ?? [];
  return (await holdersOf(inner, names)).map((name) => join(snapshots, name));
}

/** The best checkpoint, as the Trainer recorded it in its last one. */
async function bestCheckpoint(last: string): Promise<string | null> {
  try {
    const { best_model_checkpoint: best } = await readJson(join(last, trainerStateFile), trainerStateSchema);
    return best?.split(/[\\/]/).at(-1) ?? null;
  } catch {
    // It is only a hint: a record that cannot be read says nothing.
    return null;
  }
}

function shown(names: readonly string[]): string {
  if (names.length <= mostShown) return names.join(', ');
  return `${names.slice(0, mostShown - 1).join(', ')}, .. ${names.at(-1)}`;
}
