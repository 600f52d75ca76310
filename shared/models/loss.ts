/**
 * @file The losses of the tasks, each a scalar: the mean over examples, label entries, or labelled
 *   tokens.
 */

import type { Value } from '../graph/graph.ts';
import * as ops from '../graph/ops/index.ts';
import type { Size } from '../graph/sizes.ts';
import { ignoredLabel, type TaskKind } from '../task.ts';
import { axes } from './axes.ts';

/**
 * The `labels` input that a task's loss reads: its type and shape for a batch. The label of a token
 * in `causal-lm` is the token that follows it.
 */
export function labelsInput(graph: Value['graph'], task: TaskKind, labelCount: number): Value {
  switch (task) {
    case 'text-classification':
      return graph.input('labels', 'int32', ['batch']);
    case 'multi-label-classification':
      return graph.input('labels', 'float32', ['batch', labelCount]);
    case 'regression':
      return graph.input('labels', 'float32', ['batch']);
    case 'token-classification':
    case 'causal-lm':
      return graph.input('labels', 'int32', ['batch', 'seq']);
    case 'text2text':
      return graph.input('labels', 'int32', ['batch', 'target']);
    case 'masked-lm':
      return graph.input('labels', 'int32', ['masked']);
  }
}

/** The loss of `logits` against `labels`, shaped as `labelsInput` says. */
export function taskLoss(task: TaskKind, logits: Value, labels: Value): Value {
  switch (task) {
    case 'multi-label-classification':
      return binaryCrossEntropy(logits, labels);
    case 'regression':
      return squaredError(ops.reshape(logits, [axes.batch]), labels);
    case 'token-classification':
    case 'causal-lm':
      return crossEntropy(logits, ops.reshape(labels, [axes.tokens]));
    case 'text2text':
      return crossEntropy(logits, ops.reshape(labels, [axes.targetTokens]));
    default:
      return crossEntropy(logits, labels);
  }
}

/**
 * Mean of -log softmax(logits)[label] over the rows whose label is not -100; 0 when there is none.
 *
 * @param logits [rows, classes]
 * @param labels int32 [rows]
 */
export function crossEntropy(logits: Value, labels: Value): Value {
  const graph = logits.graph;
  const ignored = ops.equal(labels, graph.scalar(ignoredLabel, 'int32'));
  const weight = ops.where(ignored, graph.scalar(0), graph.scalar(1)); // [rows]
  const count = ops.max(ops.sumAll(weight), graph.scalar(1));
  return ops.neg(ops.div(ops.sumAll(labelLogProbabilities(logits, labels)), count));
}

/**
 * log softmax(logits)[label] of each row; 0 where the label is -100.
 *
 * @param logits [rows, classes]
 * @param labels int32 [rows]
 * @returns [rows]
 */
export function labelLogProbabilities(logits: Value, labels: Value): Value {
  const graph = logits.graph;
  const ignored = ops.equal(labels, graph.scalar(ignoredLabel, 'int32'));
  const safeLabels = ops.where(ignored, graph.scalar(0, 'int32'), labels);
  const rows = labels.shape[0] as Size;
  const picked = ops.gatherLast(ops.logSoftmax(logits), ops.reshape(safeLabels, [rows, 1]));
  return ops.where(ignored, graph.scalar(0), ops.reshape(picked, [rows]));
}

/**
 * Mean over all entries of -(y log s(x) + (1 - y) log(1 - s(x))), computed as softplus(x) - x y.
 *
 * @param logits [batch, labels]
 * @param labels 0 or 1, [batch, labels]
 */
export function binaryCrossEntropy(logits: Value, labels: Value): Value {
  return ops.meanAll(ops.sub(ops.softplus(logits), ops.mul(logits, labels)));
}

/** Mean of (prediction - label)^2, both [batch]. */
export function squaredError(predictions: Value, labels: Value): Value {
  const difference = ops.sub(predictions, labels);
  return ops.meanAll(ops.mul(difference, difference));
}
