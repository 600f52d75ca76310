/**
 * @file Fields of config.json that no family reads: those that cannot change the function, and
 *   those that change it in a way that is not computed here.
 */
import { RegmeanError } from '../errors.ts';

/**
 * Fields that say where a model is from, how it was trained or is run, what its outputs are called,
 * or how its answers are searched for; and those that follow from others.
 */
export const fieldsWithoutEffect: ReadonlySet<string> = new Set([
  ...['_name_or_path', '_commit_hash', 'architectures', 'auto_map', 'finetuning_task', 'tokenizer_class'],
  ...[
    'transformers_version',
    'torch_dtype',
    'dtype',
    'use_bfloat16',
    'torchscript',
    'gradient_checkpointing',
  ],
  ...['attn_implementation', '_attn_implementation', '_attn_implementation_internal'],
  ...[
    '_attn_implementation_autoset',
    'reference_compile',
    'deterministic_flash_attn',
    'repad_logits_with_grad',
  ],
  ...['use_cache', 'return_dict', 'return_dict_in_generate', 'output_attentions', 'output_hidden_states'],
  ...['output_scores', 'output_past', 'chunk_size_feed_forward', 'pretraining_tp', 'reorder_and_upcast_attn'],
  ...['sparse_prediction', 'sparse_pred_ignore_index', 'tf_legacy_loss', 'layerdrop'],
  ...['id2label', 'label2id', 'num_labels', 'problem_type', 'task_specific_params', 'prefix'],
  ...['max_length', 'min_length', 'do_sample', 'early_stopping', 'num_beams', 'num_beam_groups'],
  ...['diversity_penalty', 'temperature', 'top_k', 'top_p', 'typical_p', 'repetition_penalty'],
  ...['length_penalty', 'no_repeat_ngram_size', 'encoder_no_repeat_ngram_size', 'bad_words_ids'],
  ...['num_return_sequences', 'remove_invalid_values', 'exponential_decay_length_penalty'],
  ...['suppress_tokens', 'begin_suppress_tokens', 'forced_bos_token_id', 'forced_eos_token_id'],
  // Which models have a decoder their `model_type` says.
  'is_encoder_decoder',
]);

/** What such a field must be, where it is there at all, and what to do where it is not. */
interface Refusal {
  readonly requirement: string;
  readonly hint: string;
  isComputed(value: unknown): boolean;
}

const absent: Refusal['isComputed'] = () => false;

/** An object or a list with nothing in it. */
const empty: Refusal['isComputed'] = (value) =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 0;

/** Fields of any family that make its models other functions, which are not computed here. */
const refusals: Readonly<Record<string, Refusal>> = {
  quantization_config: {
    requirement: 'must be absent',
    hint: 'take the model as it was before it was quantized, or write it with its weights unpacked',
    isComputed: absent,
  },
  pruned_heads: {
    requirement: 'must be empty: heads of attention are all there here',
    hint: 'take the model as it was before heads were pruned',
    isComputed: empty,
  },
  per_layer_config: {
    requirement: 'must be empty: layers are alike here',
    hint: 'models whose layers have sizes of their own can be read as ONNX files',
    isComputed: empty,
  },
};

/** Fields that say that tensors are no weights, so that they cannot be merged either. */
const ofPackedWeights = ['quantization_config'] as const;

/**
 * Refuses fields that change the function in a way that is not computed here. A field that is null
 * is one that is not there.
 *
 * @throws RegmeanError `unsupported` naming the field
 */
export function requireComputedFields(json: unknown): void {
  requireFields(json, 'config.json', Object.keys(refusals));
}

/**
 * Refuses models whose tensors are no weights.
 *
 * @param path of config.json
 * @throws RegmeanError `unsupported` naming the field
 */
export function requirePlainWeights(json: unknown, path: string): void {
  requireFields(json, path, ofPackedWeights);
}

function requireFields(json: unknown, where: string, fields: readonly string[]): void {
  if (typeof json !== 'object' || json === null) return;
  const given = new Map(Object.entries(json));
  for (const field of fields) {
    const [refusal, value] = [refusals[field], given.get(field) ?? null];
    if (refusal === undefined || value === null || refusal.isComputed(value)) continue;
    throw new RegmeanError(
      'unsupported',
      `${where}: ${field} ${refusal.requirement}, got ${inWords(value)}`,
      {
        hint: refusal.hint,
      },
    );
  }
}

const longestText = 100;

function inWords(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > longestText ? `${text.slice(0, longestText)}…` : text;
}
