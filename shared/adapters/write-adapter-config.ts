/** @file adapter_config.json of an adapter that is made here. */
import { basename, join } from 'node:path';
import { writeJsonAtomically } from '../files/atomic-write.ts';
import { readJson } from '../files/read-json.ts';
import { adapterConfigFile } from '../models/config-json.ts';
import { z } from '../zod.ts';
import type { AdapterConfig } from './adapter-config.ts';

/**
 * Writes the configuration of an adapter that changes the same modules as another one, with one
 * rank for all of them and factors whose product is the change.
 */
export async function writeAdapterConfig(folder: string, like: AdapterConfig, rank: number): Promise<void> {
  const json = await readJson(like.path, z.record(z.string(), z.unknown()));
  await writeJsonAtomically(join(folder, adapterConfigFile), {
    ...json,
    r: rank,
    lora_alpha: rank,
    rank_pattern: {},
    alpha_pattern: {},
    use_rslora: false,
    ...('use_bdlora' in json ? { use_bdlora: null } : {}),
    lora_dropout: 0,
    init_lora_weights: true,
    inference_mode: true,
  });
}

/**
 * Copies the configuration of an adapter without a path of this machine: of a folder that is the
 * base its name is left.
 */
export async function copyAdapterConfig(folder: string, { path }: AdapterConfig): Promise<void> {
  const json = await readJson(path, z.record(z.string(), z.unknown()));
  const { base_model_name_or_path: name } = json;
  const told = typeof name === 'string' && /^(\/|\.|[A-Za-z]:[\\/])/.test(name) ? basename(name) : name;
  await writeJsonAtomically(join(folder, adapterConfigFile), { ...json, base_model_name_or_path: told });
}
