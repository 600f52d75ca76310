/**
 * @file What the diagonal Fisher information differentiates. For every task d log p(y|x) / d theta
 *   is the Jacobian of the logits times a cotangent: the derivative of log p(y|x) by the logits.
 *   The variants differ in y.
 *
 * | task | log p(y given x) | its derivative by the logits z |
 * | --- | --- | --- |
 * | text-classification | log softmax(z)_y | e_y - softmax(z) |
 * | token-classification, causal-lm, text2text | the sum over labelled tokens | e_y - softmax(z) in each row |
 * | multi-label-classification | the sum over labels, each a Bernoulli variable | y - sigmoid(z) |
 * | regression | -(y - z)^2 / 2, a Gaussian of unit variance | y - z |
 */
import type { FisherVariant } from '../../shared/contribution/fisher.ts';
import {
  type ExampleLabels,
  type LabelsOfKind,
  labelsOfKind,
  tokenLabels,
} from '../../shared/data/example-labels.ts';
import type { Random } from '../../shared/random.ts';
import { ignoredLabel, type TaskKind } from '../../shared/task.ts';

/** One example as the model sees it. */
export interface FisherExample {
  readonly task: TaskKind;
  /** [labels], or [rows, labels] where there is a row per token. */
  readonly logits: Float32Array;
  readonly labelCount: number;
  readonly labels: ExampleLabels | null;
  /**
   * Where there is a row per token: the rows that count, those with a label where there are labels.
   */
  readonly tokenRows: readonly number[];
}

/**
 * The cotangents whose squared gradients sum to E[(d log p(y|x) / d theta)^2] for one example.
 *
 * `soft` is exact where the expectation is a short sum: over classes, over labels (independent, so
 * their cross terms vanish), over a Gaussian. Where there is a row per token it would need a pass
 * for every token and class; y is drawn from the model's distribution instead, which is right on
 * average.
 *
 * @returns arrays of the logits' length
 */
export function fisherCotangents(
  example: FisherExample,
  variant: FisherVariant,
  random: Random,
): Float32Array[] {
  const { task, logits } = example;
  switch (task) {
    case 'regression':
      return [
        Float32Array.of(variant === 'soft' ? 1 : givenLabels(example, 'value').value - (logits[0] as number)),
      ];
    case 'multi-label-classification':
      return multiLabelCotangents(example, variant);
    case 'token-classification':
    case 'causal-lm':
    case 'text2text':
      return [tokenCotangent(example, variant, random)];
    case 'masked-lm':
      throw new TypeError('fisherCotangents: masked-lm has no labels');
    case 'text-classification': {
      const probabilities = softmax(logits, 0, logits.length);
      if (variant === 'soft') {
        return [...probabilities].map((weight, label) =>
          residual(probabilities, label).map((value) => Math.sqrt(weight) * value),
        );
      }
      const label = variant === 'hard' ? largest(logits, 0, logits.length) : givenLabels(example, 'class').id;
      return [residual(probabilities, label)];
    }
  }
}

function multiLabelCotangents(example: FisherExample, variant: FisherVariant): Float32Array[] {
  const { logits } = example;
  const probabilities = logits.map((logit) => 1 / (1 + Math.exp(-logit)));
  if (variant === 'soft') {
    return [...probabilities].map((p, label) => {
      const cotangent = new Float32Array(logits.length);
      cotangent[label] = Math.sqrt(p * (1 - p));
      return cotangent;
    });
  }
  const flags =
    variant === 'hard' ? logits.map((logit) => Number(logit > 0)) : givenLabels(example, 'flags').flags;
  return [flags.map((flag, label) => flag - (probabilities[label] as number))];
}

function tokenCotangent(
  { logits, labelCount, labels, tokenRows }: FisherExample,
  variant: FisherVariant,
  random: Random,
): Float32Array {
  const cotangent = new Float32Array(logits.length);
  const given = tokenLabels(labels);
  for (const row of tokenRows) {
    const start = row * labelCount;
    const probabilities = softmax(logits, start, labelCount);
    const label =
      variant === 'soft'
        ? draw(probabilities, random)
        : variant === 'hard'
          ? largest(logits, start, labelCount)
          : (given?.[row] as number);
    cotangent.set(residual(probabilities, label), start);
  }
  return cotangent;
}

/**
 * The rows of a token-classification example that count: labelled ones, else first tokens of words,
 * else all.
 */
export function countedTokenRows(
  labels: ExampleLabels | null,
  wordPositions: Int32Array | null,
  length: number,
): readonly number[] {
  const given = tokenLabels(labels);
  if (given !== null) return [...given.keys()].filter((row) => given[row] !== ignoredLabel);
  if (wordPositions !== null) return [...wordPositions].filter((row) => row >= 0);
  return Array.from({ length }, (_, row) => row);
}

/** The labels of an example, which has labels of that kind. */
function givenLabels<K extends ExampleLabels['kind']>({ labels }: FisherExample, kind: K): LabelsOfKind<K> {
  const got = labels?.kind ?? 'none';
  return labelsOfKind(
    labels,
    kind,
    () => new TypeError(`fisherCotangents: labels must be of the kind ${kind}, got ${got}`),
  );
}

/** e_label - p */
function residual(probabilities: Float32Array, label: number): Float32Array {
  return probabilities.map((p, index) => Number(index === label) - p);
}

function softmax(logits: Float32Array, start: number, count: number): Float32Array {
  const own = logits.subarray(start, start + count);
  const highest = own.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const exponentials = own.map((value) => Math.exp(value - highest));
  const sum = exponentials.reduce((a, b) => a + b, 0);
  return exponentials.map((value) => value / sum);
}

function largest(logits: Float32Array, start: number, count: number): number {
  const own = logits.subarray(start, start + count);
  return own.indexOf(own.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY));
}

function draw(probabilities: Float32Array, random: Random): number {
  let rest = random();
  for (const [index, p] of probabilities.entries()) {
    rest -= p;
    if (rest < 0) return index;
  }
  return probabilities.length - 1;
}
