/** @file config.json of model folders, as it is. */
import { join } from 'node:path';
import { RegmeanError } from '../errors.ts';
import { listFolder } from '../files/atomic-folder.ts';
import { jsonProblem, parseJson } from '../files/json-text.ts';
import { readText } from '../files/read-text.ts';
import { hintOfModelsInside } from './models-inside.ts';

/** Name of the file with a model's configuration. */
export const configFile = 'config.json';

/** What tells a folder with an adapter of Hugging Face PEFT from a model folder. */
export const adapterConfigFile = 'adapter_config.json';

/** config.json: what it says, and the text that it is written from again. */
export interface ConfigText {
  readonly json: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** Reads config.json of a model folder with its text, for those who write it again. */
export async function readConfigText(folder: string): Promise<ConfigText> {
  const path = join(folder, configFile);
  let text: string;
  try {
    text = await readText(path);
  } catch (cause) {
    if (!(cause instanceof RegmeanError) || cause.code !== 'not-found') throw cause;
    const isAdapter = ((await listFolder(folder)) ?? []).includes(adapterConfigFile);
    const hint = isAdapter
      ? `it holds an adapter: make a full model of it with \`regmean adapter --model ${folder}\``
      : await hintOfModelsInside(folder);
    throw new RegmeanError('not-found', `${folder}: must be a Hugging Face model folder with config.json`, {
      cause,
      ...(hint === null ? {} : { hint }),
    });
  }
  let json: unknown;
  try {
    json = parseJson(text);
  } catch (cause) {
    throw new RegmeanError('invalid-input', `${path}: ${jsonProblem(cause)}`, { cause });
  }
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return { json: { ...json }, text };
  throw new RegmeanError('invalid-input', `${path}: must be a JSON object`);
}

/** Reads config.json of a model folder. */
export async function readConfigJson(folder: string): Promise<Readonly<Record<string, unknown>>> {
  return (await readConfigText(folder)).json;
}

/** config.json of a folder whose model does not need one; null where there is none. */
export async function configTextBeside(folder: string): Promise<ConfigText | null> {
  return ((await listFolder(folder)) ?? []).includes(configFile) ? readConfigText(folder) : null;
}

/** What config.json says, of a folder whose model does not need one; null where there is none. */
export async function configJsonBeside(folder: string): Promise<Readonly<Record<string, unknown>> | null> {
  return (await configTextBeside(folder))?.json ?? null;
}
