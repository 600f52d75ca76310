/** @file What networks read: their inputs, and what of a batch each of them is. */

import { RegmeanError } from '../errors.ts';
import type { DType, Value } from '../graph/graph.ts';
import type { OnnxValueInfo } from '../graph/onnx-schema.ts';
import * as ops from '../graph/ops/index.ts';
import type { Size } from '../graph/sizes.ts';
import type { BackboneInputs } from '../models/architecture.ts';
import { axes } from '../models/axes.ts';
import { dtypeOfCode } from './tensors.ts';

/** What of a batch an input may be. */
export type InputRole =
  | 'input_ids'
  | 'attention_mask'
  | 'token_type_ids'
  | 'position_ids'
  | 'decoder_input_ids'
  | 'decoder_attention_mask'
  | 'features';

/** An input of a network. */
export interface NetworkInput {
  /** In the file. */
  readonly name: string;
  readonly role: InputRole;
  readonly dtype: DType;
  /** [batch, seq], [batch, target], or [batch, features]. */
  readonly shape: readonly [batch: Size, size: Size];
}

const tokenRoles: Readonly<Record<Exclude<InputRole, 'features'>, 'seq' | 'target'>> = {
  input_ids: 'seq',
  attention_mask: 'seq',
  token_type_ids: 'seq',
  position_ids: 'seq',
  decoder_input_ids: 'target',
  decoder_attention_mask: 'target',
};

const optional = Object.keys(tokenRoles)
  .filter((role) => role !== 'input_ids')
  .join(', ');

/**
 * The inputs that are fed. Their names say what they are; a network with a single input reads
 * tokens by whatever name, or numbers, where it is floating point.
 *
 * @throws RegmeanError `unsupported` for inputs that are not known, and inputs whose batch or
 *   length is fixed
 */
export function networkInputs(path: string, infos: readonly OnnxValueInfo[]): readonly NetworkInput[] {
  const [only] = infos;
  const inputs = infos.map((info): NetworkInput | null => {
    if (isFeatures(info) && infos.length === 1) return featuresOf(path, info);
    const role = roleOf(info.name, infos.length === 1);
    return role === null ? null : tokensOf(path, info, role);
  });
  const known = inputs.filter((input) => input !== null);
  const reads = known.some(({ role }) => role === 'input_ids' || role === 'features');
  if (only !== undefined && reads && known.length === infos.length) return known;
  const found = infos.map(({ name }) => name).join(', ') || 'none';
  throw new RegmeanError(
    'unsupported',
    `${path}: inputs must be input_ids and perhaps ${optional}, or one of numbers [batch, features], got ${found}`,
    { hint: 'give the inputs these names in the export (input_names), without keys and values of a past' },
  );
}

/**
 * What an input is of a batch of a model family, whose batches are padded on the right: positions
 * count from the left.
 */
export function inputValue({ role, dtype }: NetworkInput, given: BackboneInputs): Value {
  return ops.cast(values[role](given), dtype);
}

const values: Readonly<Record<InputRole, (given: BackboneInputs) => Value>> = {
  input_ids: ({ inputIds }) => inputIds,
  attention_mask: ({ attentionMask }) => attentionMask,
  token_type_ids: ({ tokenTypeIds }) => tokenTypeIds,
  position_ids: ({ inputIds }) => ops.add(zerosLikeInt64(inputIds), ops.positionsOf(inputIds, 1)),
  decoder_input_ids: (given) => decoderInputIds(given),
  // Every token: what a decoder computes of tokens does not depend on the padding behind them.
  decoder_attention_mask: (given) => ops.addScalar(zerosLikeInt64(decoderInputIds(given)), 1),
  features: ({ features }) => {
    if (features !== null) return features;
    throw new RegmeanError('unsupported', 'features: the network reads no tokens');
  },
};

function decoderInputIds({ decoderInputIds: ids }: BackboneInputs): Value {
  if (ids !== null) return ids;
  throw new RegmeanError('unsupported', 'decoder_input_ids: the network is for text2text only');
}

function zerosLikeInt64(x: Value): Value {
  return ops.zerosLike(ops.cast(x, 'int64'));
}

function roleOf(name: string, isOnly: boolean): keyof typeof tokenRoles | null {
  // TensorFlow's names end with the number of an output.
  const plain = name.replace(/:\d+$/, '');
  if (Object.hasOwn(tokenRoles, plain)) return plain as keyof typeof tokenRoles;
  return isOnly ? 'input_ids' : null;
}

function tokensOf(path: string, info: OnnxValueInfo, role: keyof typeof tokenRoles): NetworkInput {
  const sizes = sizesOf(info);
  if (sizes.length !== 2 || sizes.some((size) => typeof size === 'number')) {
    throw new RegmeanError(
      'unsupported',
      `${path}: ${info.name} must be [batch, tokens] with any number of both, got ${shown(sizes)}`,
      { hint: 'export with dynamic axes for batch and tokens (dynamic_axes)' },
    );
  }
  return { name: info.name, role, dtype: dtypeOf(path, info), shape: [axes.batch, axes[tokenRoles[role]]] };
}

function isFeatures({ type }: OnnxValueInfo): boolean {
  const dtype = dtypeOfCode(type?.tensorType?.elemType);
  return dtype === 'float32' || dtype === 'float64';
}

function featuresOf(path: string, info: OnnxValueInfo): NetworkInput {
  const sizes = sizesOf(info);
  const [batch, width] = sizes;
  if (sizes.length !== 2 || typeof batch === 'number' || typeof width !== 'number') {
    throw new RegmeanError(
      'unsupported',
      `${path}: ${info.name} must be [batch, features] with any number of examples and a fixed number of features, got ${shown(sizes)}`,
      { hint: 'export with a dynamic axis for the batch (dynamic_axes)' },
    );
  }
  return { name: info.name, role: 'features', dtype: dtypeOf(path, info), shape: [axes.batch, width] };
}

/** Sizes as the file says them: numbers where they are fixed, else names. */
function sizesOf({ type }: OnnxValueInfo): readonly (number | string)[] {
  return (type?.tensorType?.shape?.dim ?? []).map(({ dimValue, dimParam }) =>
    dimValue !== undefined && Number(dimValue) > 0 ? Number(dimValue) : (dimParam ?? '?'),
  );
}

function shown(sizes: readonly (number | string)[]): string {
  return `[${sizes.join(', ')}]`;
}

function dtypeOf(path: string, { name, type }: OnnxValueInfo): DType {
  const code = type?.tensorType?.elemType;
  const dtype = dtypeOfCode(code);
  if (dtype !== undefined) return dtype;
  throw new RegmeanError(
    'unsupported',
    `${path}: ${name} has an element type that is not supported (${code})`,
  );
}
