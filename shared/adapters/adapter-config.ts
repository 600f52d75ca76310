/** @file adapter_config.json of a Hugging Face PEFT adapter, as far as LoRA needs it. */
import { join } from 'node:path';
import { z } from 'zod';
import { RegmeanError } from '../errors.ts';
import { readJson } from '../files/read-json.ts';
import { adapterConfigFile } from '../models/config-json.ts';

const patternSchema = z.record(z.string(), z.number().positive()).nullish();

const adapterConfigSchema = z.object({
  peft_type: z.string(),
  base_model_name_or_path: z.string().nullish(),
  r: z.int().positive().default(8),
  lora_alpha: z.number().positive().default(8),
  rank_pattern: patternSchema,
  alpha_pattern: patternSchema,
  use_rslora: z.boolean().nullish(),
  use_dora: z.boolean().nullish(),
  lora_bias: z.boolean().nullish(),
  fan_in_fan_out: z.boolean().nullish(),
  target_modules: z.union([z.string(), z.array(z.string())]).nullish(),
  modules_to_save: z.array(z.string()).nullish(),
  init_lora_weights: z.union([z.boolean(), z.string()]).nullish(),
});

/** What an adapter says of itself. */
export interface AdapterConfig {
  /** The base model as the adapter names it, a folder or a name on a hub. */
  readonly baseName: string | null;
  /** Rank of a module's update. */
  rankOf(module: string): number;
  /**
   * Factor of a module's update (Hu et al., 2021; the square root of the rank with rsLoRA,
   * Kalajdzievski, 2023).
   */
  scalingOf(module: string): number;
  /** Whether weights are split into direction and magnitude (DoRA, Liu et al., 2024). */
  readonly isDora: boolean;
  /** Whether weights are stored [in, out]. */
  readonly fanInFanOut: boolean;
  /** Last parts of the names of adapted modules; empty where the adapter says it by a pattern. */
  readonly targetModules: readonly string[];
  readonly modulesToSave: readonly string[];
}

/**
 * Reads adapter_config.json.
 *
 * @throws RegmeanError `unsupported` for adapters that are not LoRA, or that begin by changing the
 *   base model
 */
export async function readAdapterConfig(folder: string): Promise<AdapterConfig> {
  const path = join(folder, adapterConfigFile);
  const raw = await readJson(path, adapterConfigSchema);
  if (raw.peft_type !== 'LORA') {
    throw new RegmeanError('unsupported', `${path}: peft_type must be LORA, got ${raw.peft_type}`);
  }
  const start = String(raw.init_lora_weights ?? true);
  if (/^(pissa|olora|loftq|corda)/i.test(start)) {
    throw new RegmeanError(
      'unsupported',
      `${path}: init_lora_weights ${start} changes the base model, which is not in the adapter`,
      { hint: 'save it as a plain LoRA adapter, or merge it with peft: model.merge_and_unload()' },
    );
  }
  if (raw.lora_bias === true) {
    throw new RegmeanError(
      'unsupported',
      `${path}: lora_bias must not be true, biases of lora_B are not read`,
      {
        hint: 'merge it with peft: model.merge_and_unload()',
      },
    );
  }
  const rankOf = (module: string): number => valueFor(module, raw.rank_pattern) ?? raw.r;
  const targets = raw.target_modules ?? [];
  return {
    baseName: raw.base_model_name_or_path ?? null,
    rankOf,
    scalingOf(module) {
      const alpha = valueFor(module, raw.alpha_pattern) ?? raw.lora_alpha;
      return alpha / (raw.use_rslora === true ? Math.sqrt(rankOf(module)) : rankOf(module));
    },
    isDora: raw.use_dora === true,
    fanInFanOut: raw.fan_in_fan_out === true,
    targetModules: typeof targets === 'string' ? [] : targets,
    modulesToSave: raw.modules_to_save ?? [],
  };
}

/**
 * The value of the first pattern that a module's name, or its end after a dot, matches as a whole.
 */
function valueFor(
  module: string,
  patterns: Readonly<Record<string, number>> | null | undefined,
): number | undefined {
  return Object.entries(patterns ?? {}).find(([pattern]) =>
    new RegExp(`^(.*\\.)?(${pattern})$`).test(module),
  )?.[1];
}
