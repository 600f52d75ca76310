/**
 * @file adapter_config.json of a Hugging Face PEFT adapter: what it says of the update of a base.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { RegmeanError } from '../errors.ts';
import { listFolder } from '../files/atomic-folder.ts';
import { readJson } from '../files/read-json.ts';
import { adapterConfigFile } from '../models/config-json.ts';
import { z } from '../zod.ts';
import { mergeWithPeft, requireKnownKeys, shown } from './adapter-keys.ts';
import { endsWithPattern } from './python-pattern.ts';

const names = z.union([z.string(), z.array(z.string())]).nullish();
const indices = z.array(z.int().nonnegative());

const blocksSchema = z.object({
  target_modules_bd_a: z.array(z.string()).nullish(),
  target_modules_bd_b: z.array(z.string()).nullish(),
  nblocks: z.int().positive().default(1),
});

const adapterConfigSchema = z.object({
  base_model_name_or_path: z.string().nullish(),
  task_type: z.string().nullish(),
  r: z.int().positive().default(8),
  lora_alpha: z.number().nullish(),
  rank_pattern: z.record(z.string(), z.int().positive()).nullish(),
  alpha_pattern: z.record(z.string(), z.number()).nullish(),
  use_rslora: z.boolean().nullish(),
  use_dora: z.boolean().nullish(),
  lora_bias: z.boolean().nullish(),
  use_qalora: z.boolean().nullish(),
  use_bdlora: z.union([z.literal(false), blocksSchema]).nullish(),
  bias: z.enum(['none', 'all', 'lora_only']).nullish(),
  fan_in_fan_out: z.boolean().nullish(),
  init_lora_weights: z.union([z.boolean(), z.string()]).nullish(),
  target_modules: names,
  exclude_modules: names,
  layers_to_transform: z.union([z.int(), z.array(z.int())]).nullish(),
  layers_pattern: names,
  target_parameters: z.array(z.string()).nullish(),
  modules_to_save: z.array(z.string()).nullish(),
  trainable_token_indices: z.union([indices, z.record(z.string(), indices)]).nullish(),
  ensure_weight_tying: z.boolean().nullish(),
});

/** Which modules of a model an adapter was made for, in PEFT's terms. */
export interface AdapterTargets {
  /** Names or their ends, or one pattern; null where the adapter does not say. */
  readonly modules: string | readonly string[] | null;
  readonly excluded: string | readonly string[];
  /** Numbers of layers; empty where all are meant. */
  readonly layers: readonly number[];
  /** Names of the lists that the numbers count; empty for any. */
  readonly layerLists: readonly string[];
}

/** What an adapter says of itself. */
export interface AdapterConfig {
  /** The file, named in errors. */
  readonly path: string;
  /** The base model as the adapter names it, a folder or a name on a hub. */
  readonly baseName: string | null;
  /** What PEFT calls the task: SEQ_CLS; null where it does not say. */
  readonly taskType: string | null;
  /** Rank of a module's update. */
  rankOf(module: string): number;
  /**
   * Factor of a module's update (Hu et al., 2021; the square root of the rank with rsLoRA,
   * Kalajdzievski, 2023).
   */
  scalingOf(module: string): number;
  /**
   * Of how many blocks on a diagonal the factors of a module are; 1 for whole ones (BD-LoRA).
   */
  blocksOf(module: string): { readonly a: number; readonly b: number };
  /** Whether updates of layers that GPTQ quantized are of pooled inputs; of others they are not. */
  readonly mayPoolInputs: boolean;
  /** Whether weights are split into direction and magnitude (DoRA, Liu et al., 2024). */
  readonly isDora: boolean;
  /** Whether updates add to biases too. */
  readonly updatesBiases: boolean;
  /** Whether weights are stored [in, out]; of families that are known their layers say it. */
  readonly fanInFanOut: boolean;
  readonly targets: AdapterTargets;
  /** Ends of the names of parameters that are updated as they are stored, whatever their module. */
  readonly targetParameters: readonly string[];
  /** Ends of the names of modules that were trained as a whole. */
  readonly modulesToSave: readonly string[];
  /** Tokens whose rows of an embedding were trained: for each end of a module's name. */
  readonly tokens: ReadonlyMap<string, readonly number[]>;
  /** Such tokens of the input embeddings; empty where `tokens` names modules. */
  readonly inputTokens: readonly number[];
  /** Whether updates of tied embeddings are one update. */
  readonly ensuresTying: boolean;
}

/**
 * Reads adapter_config.json.
 *
 * @throws RegmeanError `unsupported` for adapters that are not LoRA, for a key whose meaning cannot
 *   be applied, and for those that begin by changing the base model
 */
export async function readAdapterConfig(folder: string): Promise<AdapterConfig> {
  const path = join(folder, adapterConfigFile);
  await requireConfigFile(folder);
  const json = await readJson(path, z.record(z.string(), z.unknown()));
  requireLora(path, json.peft_type);
  requireKnownKeys(path, json);
  const raw = await readJson(path, adapterConfigSchema);
  requirePlainStart(path, raw.init_lora_weights ?? true);
  const rankOf = (module: string): number =>
    valueFor(path, 'rank_pattern', raw.rank_pattern ?? {}, module) ?? raw.r;
  const tokens = raw.trainable_token_indices ?? [];
  return {
    path,
    baseName: raw.base_model_name_or_path ?? null,
    taskType: raw.task_type ?? null,
    rankOf,
    scalingOf(module) {
      const alpha = valueFor(path, 'alpha_pattern', raw.alpha_pattern ?? {}, module) ?? raw.lora_alpha ?? 8;
      return alpha / (raw.use_rslora === true ? Math.sqrt(rankOf(module)) : rankOf(module));
    },
    blocksOf(module) {
      const blocks = raw.use_bdlora === false ? null : (raw.use_bdlora ?? null);
      const count = (parts: readonly string[] | null | undefined): number =>
        parts?.some((part) => module.includes(part)) === true ? (blocks?.nblocks ?? 1) : 1;
      return { a: count(blocks?.target_modules_bd_a), b: count(blocks?.target_modules_bd_b) };
    },
    mayPoolInputs: raw.use_qalora === true,
    isDora: raw.use_dora === true,
    updatesBiases: raw.lora_bias === true,
    fanInFanOut: raw.fan_in_fan_out === true,
    targets: {
      modules: raw.target_modules ?? null,
      excluded: raw.exclude_modules ?? [],
      layers: [raw.layers_to_transform ?? []].flat(),
      layerLists: [raw.layers_pattern ?? []].flat(),
    },
    targetParameters: raw.target_parameters ?? [],
    modulesToSave: raw.modules_to_save ?? [],
    tokens: new Map(Array.isArray(tokens) ? [] : Object.entries(tokens)),
    inputTokens: Array.isArray(tokens) ? tokens : [],
    ensuresTying: raw.ensure_weight_tying === true,
  };
}

/** PEFT saves adapters with a name of their own in folders of that name. */
async function requireConfigFile(folder: string): Promise<void> {
  const present = (await listFolder(folder)) ?? [];
  if (present.includes(adapterConfigFile)) return;
  const inside: string[] = [];
  for (const name of present) {
    const entries = await readdir(join(folder, name)).catch((): string[] => []);
    if (entries.includes(adapterConfigFile)) inside.push(name);
  }
  throw new RegmeanError('not-found', `${folder}: must hold ${adapterConfigFile}`, {
    ...(inside.length === 0
      ? {}
      : { hint: `it holds the adapters ${inside.join(', ')}: name the folder of one of them` }),
  });
}

/** Types whose adapters are inputs or choose among weights, so that no merge can express them. */
const notWeights =
  /^(ADAPTION_PROMPT|CARTRIDGE|CPT|MULTITASK_PROMPT_TUNING|P_TUNING|POLY|PREFIX_TUNING|PROMPT_TUNING|XLORA)$/;

function requireLora(path: string, type: unknown): void {
  if (type === 'LORA') return;
  throw new RegmeanError('unsupported', `${path}: peft_type must be LORA, got ${type ?? 'nothing'}`, {
    hint: notWeights.test(String(type))
      ? `adapters of type ${type} cannot be merged into weights: train a LoRA adapter`
      : mergeWithPeft,
  });
}

/** How LoRA factors may begin without a change of the base. */
const plainStarts = ['true', 'false', 'gaussian', 'eva', 'orthogonal', 'mica'];

function requirePlainStart(path: string, start: boolean | string): void {
  if (plainStarts.includes(String(start).toLowerCase())) return;
  const changesBase = /^(pissa|olora|corda|loftq|lora_ga)/i.test(String(start));
  const why = changesBase ? ', which changes the base model before the training; the adapter lacks that' : '';
  const rule = `init_lora_weights must be one of ${plainStarts.join(', ')}`;
  throw new RegmeanError('unsupported', `${path}: ${rule}, got ${start}${why}`, {
    hint:
      'save it as a plain LoRA adapter (save_pretrained with path_initial_model_for_weight_conversion ' +
      'where PEFT offers it), or merge it where it was trained: model.merge_and_unload()',
  });
}

/** The value of the first pattern that a module's name matches. */
function valueFor(
  path: string,
  key: string,
  patterns: Readonly<Record<string, number>>,
  module: string,
): number | undefined {
  for (const [pattern, value] of Object.entries(patterns)) {
    const matches = endsWithPattern(module, pattern);
    if (matches === null) {
      throw new RegmeanError(
        'unsupported',
        `${path}: ${key} must be patterns that are known here, got ${shown(pattern)}`,
        { hint: `name the modules in ${key} one by one` },
      );
    }
    if (matches) return value;
  }
  return undefined;
}
