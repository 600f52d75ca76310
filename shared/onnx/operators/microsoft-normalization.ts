/**
 * @file Rules for ONNX Runtime's normalisation of sums: of a block's input and output, and of
 *   embeddings.
 */
import type { Value } from '../../graph/graph.ts';
import * as ops from '../../graph/ops/index.ts';
import {
  aligned,
  float,
  input,
  isAsked,
  type Operator,
  type OperatorContext,
  type OperatorTable,
  optionalInput,
} from './operator.ts';

/** The default of all of them. */
const epsilon = 1e-12;

function sumOf(values: readonly (Value | null)[]): Value {
  return values
    .filter((value) => value !== null)
    .reduce((a, b) => ops.add(...(aligned([a, b]) as [Value, Value])));
}

/** Normalisation of the sum of two values and a bias; the sum is the fourth output. */
function ofSum(
  biasIndex: number,
  normalize: (context: OperatorContext, sum: Value, epsilon: number) => Value,
): Operator {
  return (context) => {
    // Means and deviations, which are asked for by training elsewhere.
    if (isAsked(context, 1) || isAsked(context, 2)) return null;
    const sum = sumOf([input(context, 0), input(context, 1), optionalInput(context, biasIndex)]);
    return [normalize(context, sum, float(context, 'epsilon', epsilon)), null, null, sum];
  };
}

const skipLayerNormalization = ofSum(4, (context, sum, added) =>
  ops.layerNormalization(sum, input(context, 2), optionalInput(context, 3), added),
);

const skipRmsNormalization = ofSum(3, (context, sum, added) =>
  ops.rmsNormalization(sum, input(context, 2), added),
);

/**
 * Words, places and segments, looked up, added and normalised; the second output counts the ones of
 * a mask.
 */
const embedLayerNormalization: Operator = (context) => {
  const ids = input(context, 0);
  const segments = optionalInput(context, 1);
  const [scale, shift] = [input(context, 5), input(context, 6)];
  const mask = optionalInput(context, 7);
  const places = optionalInput(context, 8) ?? ops.positionsOf(ids, 1);
  const sum = sumOf([
    ops.gather(input(context, 2), ids),
    ops.gather(input(context, 3), places),
    segments === null ? null : ops.gather(input(context, 4), segments),
  ]);
  const normalized = ops.layerNormalization(sum, scale, shift, float(context, 'epsilon', epsilon));
  // Without a mask the counts are zeros.
  const counted =
    mask === null ? ops.zerosLike(ids) : ops.cast(ops.equal(mask, ids.graph.scalar(1, mask.dtype)), 'int32');
  return [normalized, ops.reduceSum(counted, [1], false), sum];
};

/** Normalisation of sums by type. */
export const microsoftNormalizationOperators: OperatorTable = {
  SkipLayerNormalization: skipLayerNormalization,
  SkipSimplifiedLayerNormalization: skipRmsNormalization,
  EmbedLayerNormalization: embedLayerNormalization,
};
