/**
 * @file Every key of adapter_config.json, as PEFT 0.21 and older versions write it, and what
 *   becomes of it. The table is closed: a key that is not in it changes the model in a way that is
 *   not known here, so it is refused unless it says nothing.
 */
import { RegmeanError } from '../errors.ts';

/**
 * What becomes of a key: `applied` where its value takes part in the result; `no-effect` where no
 * value changes the trained model; else why a value that says something is refused.
 */
type KeyRule = 'applied' | 'no-effect' | { readonly because: string; readonly hint: string };

/** What to do about an adapter that PEFT can add to the weights. */
export const mergeWithPeft =
  'merge it in Python and use the result as a model: from peft import PeftModel; ' +
  'PeftModel.from_pretrained(base, "ADAPTER").merge_and_unload().save_pretrained("MERGED")';

const needsOtherWeights = (because: string): KeyRule => ({ because, hint: mergeWithPeft });

const rules: ReadonlyMap<string, KeyRule> = new Map<string, KeyRule>([
  ['peft_type', 'applied'],
  ['base_model_name_or_path', 'applied'],
  ['r', 'applied'],
  ['lora_alpha', 'applied'],
  ['rank_pattern', 'applied'],
  ['alpha_pattern', 'applied'],
  ['use_rslora', 'applied'],
  ['use_dora', 'applied'],
  ['lora_bias', 'applied'],
  ['use_bdlora', 'applied'],
  ['use_qalora', 'applied'],
  ['bias', 'applied'],
  ['fan_in_fan_out', 'applied'],
  ['init_lora_weights', 'applied'],
  ['target_modules', 'applied'],
  ['exclude_modules', 'applied'],
  ['layers_to_transform', 'applied'],
  ['layers_pattern', 'applied'],
  ['target_parameters', 'applied'],
  ['modules_to_save', 'applied'],
  ['trainable_token_indices', 'applied'],
  ['ensure_weight_tying', 'applied'],

  // Labels.
  ['task_type', 'no-effect'],
  ['auto_mapping', 'no-effect'],
  ['peft_version', 'no-effect'],
  ['revision', 'no-effect'],
  // How the adapter is trained, or held in memory.
  ['inference_mode', 'no-effect'],
  ['lora_dropout', 'no-effect'],
  ['merge_weights', 'no-effect'],
  ['monteclora_config', 'no-effect'],
  ['runtime_config', 'no-effect'],
  ['velora_config', 'no-effect'],
  // How it began: what init_lora_weights or another key asks for, which decides.
  ['corda_config', 'no-effect'],
  ['eva_config', 'no-effect'],
  ['loftq_config', 'no-effect'],
  ['lora_ga_config', 'no-effect'],
  ['megatron_core', 'no-effect'],
  // Of use_qalora, whose tensors tell whether it was in effect.
  ['qalora_group_size', 'no-effect'],

  [
    'alora_invocation_tokens',
    {
      because: 'the adapter acts only behind these tokens, which no weight of the base can say',
      hint: 'an activated LoRA cannot be merged: train a LoRA without alora_invocation_tokens',
    },
  ],
  [
    'arrow_config',
    {
      because: 'tokens are routed between several adapters, which no weight of the base can say',
      hint: 'take one of the adapters that it routes to',
    },
  ],
  ['enable_lora', needsOtherWeights('the update is of some outputs of a layer only')],
  ['kasa_config', needsOtherWeights('the base is cut before the update, and the update has a diagonal')],
  [
    'layer_replication',
    {
      because: 'layers of the base are used several times, each with an update of its own',
      hint:
        'PEFT merges the updates of one layer into all its uses: save the base with its layers repeated, ' +
        'rename the tensors of the adapter accordingly and take layer_replication out',
    },
  ],
  [
    'megatron_config',
    {
      because: 'the adapter belongs to layers of Megatron, not of Hugging Face transformers',
      hint: 'convert the adapter to the names of Hugging Face transformers',
    },
  ],
]);

/**
 * Checks every key of adapter_config.json.
 *
 * @param path named in errors
 * @throws RegmeanError `unsupported` naming the first key that changes the model in a way that
 *   cannot be applied
 */
export function requireKnownKeys(path: string, json: Readonly<Record<string, unknown>>): void {
  for (const [key, value] of Object.entries(json)) {
    const rule = rules.get(key);
    if (rule === 'applied' || rule === 'no-effect' || saysNothing(value)) continue;
    if (rule === undefined) {
      throw new RegmeanError(
        'unsupported',
        `${path}: ${key} must be a key that is known here, got ${shown(value)}`,
        {
          hint:
            `what ${key} changes is not known: remove it if the adapter computes the same without it, ` +
            `else ${mergeWithPeft}`,
        },
      );
    }
    throw new RegmeanError(
      'unsupported',
      `${path}: ${key} must be absent, got ${shown(value)}: ${rule.because}`,
      { hint: rule.hint },
    );
  }
}

/** Whether a value is as good as none. */
function saysNothing(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return value === null || value === undefined || value === false || value === '' || value === 0;
}

const shownCharacters = 80;

/** A value as JSON, cut where it is long. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > shownCharacters ? `${text.slice(0, shownCharacters)}..` : text;
}
