/** @file config.json of Llama and families of the same blocks. */
import { z } from '../zod.ts';
import {
  layerCount,
  parseConfigJson,
  requireField,
  requireHeads,
  tableSize,
  withDefaults,
} from './config.ts';
import { type DecoderConfig, fillingToken, padTokenIdSchema } from './decoder-only.ts';
import type { AttentionKind } from './rotary.ts';
import {
  commonRopeParameters,
  givenRope,
  requireRotarySize,
  ropeParametersSchema,
  ropeScalingSchema,
  rotaryFrequencies,
  wholeRotary,
} from './rotary.ts';

const llamaConfigSchema = z.object({
  vocab_size: z.int().positive(),
  hidden_size: z.int().positive(),
  intermediate_size: z.int().positive(),
  num_hidden_layers: layerCount,
  num_attention_heads: z.int().positive(),
  num_key_value_heads: z.int().positive().nullish(),
  head_dim: tableSize.nullish(),
  hidden_act: z.string().default('silu'),
  max_position_embeddings: z.int().positive().default(2048),
  original_max_position_embeddings: z.int().positive().optional(),
  sliding_window: z.int().positive().nullish(),
  use_sliding_window: z.boolean().default(false),
  max_window_layers: z.int().nonnegative().default(28),
  layer_types: z.array(z.enum(['full_attention', 'sliding_attention'])).optional(),
  rms_norm_eps: z.number().positive().default(1e-6),
  rope_theta: z.number().positive().default(10000),
  rope_scaling: ropeScalingSchema,
  rope_parameters: ropeParametersSchema,
  partial_rotary_factor: wholeRotary,
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
  attention_dropout: z.number().min(0).max(1).default(0),
  classifier_dropout: z.number().min(0).max(1).default(0.1),
  initializer_range: z.number().positive().default(0.02),
  tie_word_embeddings: z.boolean().default(false),
  pad_token_id: padTokenIdSchema,
  eos_token_id: z.union([z.int().nonnegative(), z.array(z.int().nonnegative())]).nullish(),
});

type RawConfig = z.infer<typeof llamaConfigSchema>;

/** Fields in which null says something else than a field that is not there. */
const nullable = ['num_key_value_heads', 'sliding_window', 'eos_token_id'];

/** The configuration of Llama and its relatives. */
export interface LlamaConfig extends DecoderConfig {
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headSize: number;
  readonly activation: string;
  readonly epsilon: number;
  /** Angles per position, [headSize / 2]. */
  readonly frequencies: Float32Array;
  /** How many tokens a token sees in each layer, itself included; null where it sees all. */
  readonly windows: readonly (number | null)[];
  readonly projectionBias: boolean;
  readonly outputBias: boolean;
  readonly feedForwardBias: boolean;
  /** Whether each head's queries and keys pass an RMS norm before they are turned. */
  readonly headNorms: boolean;
  readonly attentionDropout: number;
  readonly classifierDropout: number;
  readonly tied: boolean;
}

/** What tells a family from others of the same blocks. */
export interface LlamaFamily {
  readonly modelType: string;
  /** Of Hugging Face's class names. */
  readonly prefix: string;
  /** Fields that config.json may leave out. */
  readonly defaults?: object;
  /** What its blocks have whatever config.json says. */
  readonly blocks?: Partial<
    Pick<LlamaConfig, 'projectionBias' | 'outputBias' | 'feedForwardBias' | 'headNorms'>
  >;
  /**
   * Which layers attend within `sliding_window`: none, all, or those that `layer_types` and
   * `max_window_layers` name.
   */
  readonly sliding?: 'none' | 'all' | 'by-layer';
}

/** Reads config.json. */
export function parseLlamaConfig(
  json: unknown,
  { defaults = {}, blocks = {}, sliding = 'none' }: Partial<LlamaFamily> = {},
): LlamaConfig {
  const raw = parseConfigJson(llamaConfigSchema, withDefaults(defaults, json, nullable), nullable);
  const { hidden_size: hiddenSize, num_attention_heads: heads } = raw;
  if (raw.head_dim == null) requireHeads('hidden_size', hiddenSize, heads);
  const headSize = raw.head_dim ?? hiddenSize / heads;
  requireRotarySize(raw.head_dim == null ? 'hidden_size / num_attention_heads' : 'head_dim', headSize);
  const keyValueHeads = raw.num_key_value_heads ?? heads;
  requireField(
    heads % keyValueHeads === 0,
    'num_attention_heads',
    `must be a multiple of num_key_value_heads ${keyValueHeads}`,
    heads,
  );
  const endTokenIds = [raw.eos_token_id ?? []].flat();
  const windows = windowsOf(raw, sliding);
  return {
    inputs: {
      vocabSize: raw.vocab_size,
      maxLength: raw.max_position_embeddings,
      padTokenId: fillingToken(raw.pad_token_id, endTokenIds, raw.vocab_size),
      endTokenIds,
    },
    padTokenId: raw.pad_token_id,
    hiddenSize,
    initializerRange: raw.initializer_range,
    intermediateSize: raw.intermediate_size,
    layers: raw.num_hidden_layers,
    heads,
    keyValueHeads,
    headSize,
    activation: raw.hidden_act,
    epsilon: raw.rms_norm_eps,
    frequencies: frequenciesOf(raw, headSize, windows),
    windows,
    projectionBias: raw.attention_bias,
    outputBias: raw.attention_bias,
    feedForwardBias: raw.mlp_bias,
    headNorms: false,
    attentionDropout: raw.attention_dropout,
    classifierDropout: raw.classifier_dropout,
    tied: raw.tie_word_embeddings,
    ...blocks,
  };
}

function windowsOf(raw: RawConfig, sliding: LlamaFamily['sliding']): LlamaConfig['windows'] {
  const { num_hidden_layers: layers, layer_types: kinds } = raw;
  const each = (windowOf: (layer: number) => number | null): LlamaConfig['windows'] =>
    Array.from({ length: layers }, (_, layer) => windowOf(layer));
  if (sliding !== 'by-layer') return each(() => (sliding === 'all' ? (raw.sliding_window ?? null) : null));
  const window = raw.use_sliding_window ? (raw.sliding_window ?? null) : null;
  if (kinds === undefined) return each((layer) => (layer >= raw.max_window_layers ? window : null));
  requireField(kinds.length === layers, 'layer_types', `must name ${layers} layers`, kinds.length);
  const slides = kinds.includes('sliding_attention');
  requireField(!slides || window !== null, 'layer_types', 'must slide only with use_sliding_window', kinds);
  return each((layer) => (kinds[layer] === 'sliding_attention' ? window : null));
}

function frequenciesOf(raw: RawConfig, headSize: number, windows: LlamaConfig['windows']): Float32Array {
  const kinds = windows.map(
    (window): AttentionKind => (window === null ? 'full_attention' : 'sliding_attention'),
  );
  const rope = givenRope({
    scaling: raw.rope_scaling,
    parameters: commonRopeParameters(raw.rope_parameters, kinds),
  });
  return rotaryFrequencies(headSize, rope?.rope_theta ?? raw.rope_theta, {
    ...rope,
    original_max_position_embeddings:
      raw.original_max_position_embeddings ??
      rope?.original_max_position_embeddings ??
      raw.max_position_embeddings,
  });
}
