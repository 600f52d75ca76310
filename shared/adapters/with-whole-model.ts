/** @file Work that takes a model, done on an adapter: its base and it are one for as long. */
import { mkdtemp, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { TaskKind } from '../task.ts';
import { holdsAdapter } from './adapter-factors.ts';
import { writeFullModel } from './write-full-model.ts';

/** What is known of an adapter beside its folder. */
export interface WholeModelOptions {
  /** Folder of the base; what the adapter names when absent. */
  readonly base?: string | undefined;
  readonly task: TaskKind;
}

/**
 * Does work on a model folder. Of an adapter the whole model is written beside it first, and
 * removed after the work.
 *
 * @param work receives the folder of the model
 */
export async function withWholeModel<T>(
  folder: string,
  { base, task }: WholeModelOptions,
  work: (model: string) => Promise<T>,
): Promise<T> {
  if (!(await holdsAdapter(folder))) return work(folder);
  const beside = await mkdtemp(join(dirname(resolve(folder)), `.${basename(folder)}-`));
  try {
    const out = join(beside, 'model');
    await writeFullModel({ adapter: folder, task, out, ...(base === undefined ? {} : { base }) });
    return await work(out);
  } finally {
    await rm(beside, { recursive: true, force: true });
  }
}

/** The same for several folders, whose models are all there at once. */
export async function withWholeModels<T>(
  folders: readonly string[],
  options: WholeModelOptions,
  work: (models: readonly string[]) => Promise<T>,
): Promise<T> {
  const [first, ...others] = folders;
  if (first === undefined) return work([]);
  return withWholeModel(first, options, (model) =>
    withWholeModels(others, options, (rest) => work([model, ...rest])),
  );
}
