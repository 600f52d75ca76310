/**
 * @file Rotary positions (Su et al., 2021): queries and keys are turned by an angle that grows with
 *   the position.
 */

import { RegmeanError } from '../errors.ts';
import type { Value } from '../graph/graph.ts';
import * as ops from '../graph/ops/index.ts';
import type { Size } from '../graph/sizes.ts';
import { z } from '../zod.ts';
import { mostTableRows, requireField } from './config.ts';

/** The part of each head that is turned. */
export const wholeRotary = z.literal(1, 'must be 1: whole heads are turned').optional();

const ropeSchema = z.object({
  rope_type: z.string().optional(),
  type: z.string().optional(),
  factor: z.number().positive().optional(),
  low_freq_factor: z.number().positive().optional(),
  high_freq_factor: z.number().positive().optional(),
  original_max_position_embeddings: z.int().positive().optional(),
  rope_theta: z.number().positive().optional(),
  partial_rotary_factor: wholeRotary,
});

/**
 * `rope_scaling` of config.json: how angles are slowed for texts longer than those of pretraining.
 */
export const ropeScalingSchema = ropeSchema.nullish();

export type RopeScaling = z.infer<typeof ropeScalingSchema>;

/** `rope_parameters` of config.json: one for all layers, or one for each kind of attention. */
export const ropeParametersSchema = ropeSchema
  .extend({ full_attention: ropeSchema.optional(), sliding_attention: ropeSchema.optional() })
  .nullish();

/** What a layer's tokens read: all tokens, or those around them. */
export type AttentionKind = 'full_attention' | 'sliding_attention';

/**
 * The one `rope_parameters` of a model whose layers are all alike.
 *
 * @param kinds of attention that its layers have: `full_attention`, `sliding_attention`
 * @throws RegmeanError `unsupported` when they are of several kinds, or the one there is has no
 *   parameters
 */
export function commonRopeParameters(
  parameters: z.infer<typeof ropeParametersSchema>,
  kinds: readonly AttentionKind[],
): RopeScaling {
  const { full_attention, sliding_attention, ...common } = parameters ?? {};
  const byKind = { full_attention, sliding_attention };
  const given = Object.entries(byKind).flatMap(([kind, own]) => (own === undefined ? [] : [kind]));
  if (given.length === 0) return parameters;
  const [kind, ...others] = new Set(kinds);
  const own = kind === undefined ? undefined : byKind[kind];
  if (own !== undefined && others.length === 0) return { ...common, ...own };
  throw new RegmeanError(
    'unsupported',
    `config.json: rope_parameters: layers must be of one kind that has parameters, got layers of ${[...new Set(kinds)].join(' and ')}, parameters of ${given.join(' and ')}`,
  );
}

/** What holds of `rope_scaling` and `rope_parameters`: the first, where it says anything. */
export function givenRope({
  scaling,
  parameters,
}: Readonly<Record<'scaling' | 'parameters', RopeScaling>>): RopeScaling {
  return Object.keys(scaling ?? {}).length > 0 ? scaling : parameters;
}

/** Refuses heads that do not fall into pairs of features, which are what is turned. */
export function requireRotarySize(field: string, headSize: number): void {
  requireField(headSize <= mostTableRows, field, `must be at most ${mostTableRows}`, headSize);
  requireField(headSize % 2 === 0, field, 'must be even, because rotary positions turn pairs', headSize);
}

/**
 * The angle per position of each pair of features.
 *
 * @returns [headSize / 2]
 * @throws RegmeanError `unsupported` for a kind of scaling that is not known, `invalid-input` for
 *   one without its factor
 */
export function rotaryFrequencies(headSize: number, theta: number, scaling: RopeScaling): Float32Array {
  const plain = Array.from({ length: headSize / 2 }, (_, pair) => theta ** ((-2 * pair) / headSize));
  const kind = scaling?.rope_type ?? scaling?.type ?? 'default';
  if (kind === 'default') return Float32Array.from(plain);
  if (kind !== 'linear' && kind !== 'llama3') {
    throw new RegmeanError(
      'unsupported',
      `config.json: rope_scaling must be default, linear or llama3, got ${kind}`,
    );
  }
  const factor = scaling?.factor;
  if (factor === undefined) {
    throw new RegmeanError('invalid-input', `config.json: rope_scaling: ${kind} must have a factor`);
  }
  if (kind === 'linear') return Float32Array.from(plain, (frequency) => frequency / factor);
  const original = scaling?.original_max_position_embeddings ?? 8192;
  const [low, high] = [scaling?.low_freq_factor ?? 1, scaling?.high_freq_factor ?? 4];
  // Waves that fit often into the pretraining length stay, those longer than it are slowed, the
  // ones between partly.
  return Float32Array.from(plain, (frequency) => {
    const waves = (original * frequency) / (2 * Math.PI);
    if (waves > high) return frequency;
    if (waves < low) return frequency / factor;
    const smooth = (waves - low) / (high - low);
    return ((1 - smooth) * frequency) / factor + smooth * frequency;
  });
}

/** Cosines and sines of the angles, [length, headSize / 2] each. */
export interface RotaryAngles {
  readonly cosine: Value;
  readonly sine: Value;
}

/** The angles of positions, int64 [length]. */
export function rotaryAngles(positions: Value, frequencies: Float32Array): RotaryAngles {
  const graph = positions.graph;
  const column = ops.reshape(ops.cast(positions, 'float32'), [positions.shape[0] as Size, 1]);
  const angles = ops.mul(column, graph.constant(frequencies, [1, frequencies.length]));
  return { cosine: ops.cos(angles), sine: ops.sin(angles) };
}

/** Turns the pairs (i, i + headSize/2) of features. `x`: [batch, heads, length, headSize]. */
export function rotate(x: Value, { cosine, sine }: RotaryAngles): Value {
  const size = Number(x.shape.at(-1));
  const axis = x.shape.length - 1;
  const first = ops.slice(x, axis, 0, size / 2);
  const second = ops.slice(x, axis, size / 2, size);
  return ops.concat(
    [
      ops.sub(ops.mul(first, cosine), ops.mul(second, sine)),
      ops.add(ops.mul(second, cosine), ops.mul(first, sine)),
    ],
    axis,
  );
}
