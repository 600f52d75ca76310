/**
 * @file generation_config.json: what `generate` of `transformers` begins and ends texts with. Where
 *   the file is there, config.json says nothing of it any more.
 */

import { join } from 'node:path';
import { RegmeanError } from '../errors.ts';
import { listFolder } from '../files/atomic-folder.ts';
import { jsonProblem, parseJson } from '../files/json-text.ts';
import { readText } from '../files/read-text.ts';
import { isLanguageTask } from '../task.ts';
import { z } from '../zod.ts';
import { parseConfigJson } from './config.ts';
import type { GenerationTokens } from './input-spec.ts';
import type { LoadedModel } from './model-folder.ts';

const generationConfigFile = 'generation_config.json';

const schema = z.looseObject({
  eos_token_id: z.union([z.int(), z.array(z.int())]).optional(),
  decoder_start_token_id: z.int().optional(),
  bos_token_id: z.int().optional(),
});

/** Values of `generate`'s settings that leave texts as the plain search finds them. */
const plainValues: Readonly<Record<string, readonly unknown[]>> = {
  do_sample: [false],
  num_beams: [1],
  num_beam_groups: [1],
  min_length: [0],
  min_new_tokens: [0],
  max_new_tokens: [],
  length_penalty: [1],
  early_stopping: [false],
  repetition_penalty: [1],
  encoder_repetition_penalty: [1],
  no_repeat_ngram_size: [0],
  encoder_no_repeat_ngram_size: [0],
  diversity_penalty: [0],
  guidance_scale: [1],
  bad_words_ids: [],
  suppress_tokens: [],
  begin_suppress_tokens: [],
  forced_bos_token_id: [],
  forced_eos_token_id: [],
  sequence_bias: [],
  exponential_decay_length_penalty: [],
  penalty_alpha: [],
  stop_strings: [],
};

/**
 * What generation_config.json of a folder says of generating; null where there is none.
 *
 * @throws RegmeanError `invalid-input` naming the file and what is wrong in it
 */
export async function generationTokensOf(folder: string): Promise<GenerationTokens | null> {
  if (!((await listFolder(folder)) ?? []).includes(generationConfigFile)) return null;
  const path = join(folder, generationConfigFile);
  const json = jsonOf(await readText(path), path);
  const given = parseConfigJson(schema, json, [], path);
  const start = given.decoder_start_token_id ?? given.bos_token_id;
  return {
    ...(start === undefined ? {} : { startTokenId: start }),
    endTokenIds: [given.eos_token_id ?? []].flat(),
    notApplied: Object.entries(plainValues)
      .filter(([name, plain]) => (given[name] ?? null) !== null && !plain.includes(given[name]))
      .map(([name]) => name),
  };
}

/** A model with what its folder says of generating, where its task is one of language. */
export async function withGenerationTokens<T extends LoadedModel>(folder: string, loaded: T): Promise<T> {
  const { model } = loaded;
  const generation = isLanguageTask(model.task) ? await generationTokensOf(folder) : null;
  if (generation === null) return loaded;
  const { config } = model;
  return { ...loaded, model: { ...model, config: { ...config, inputs: { ...config.inputs, generation } } } };
}

function jsonOf(text: string, path: string): unknown {
  try {
    return parseJson(text);
  } catch (cause) {
    throw new RegmeanError('invalid-input', `${path}: ${jsonProblem(cause)}`, { cause });
  }
}
