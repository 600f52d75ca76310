import { type ExampleLabels, type LabelsOfKind, labelsOfKind } from '../data/example-labels.ts';
import { RegmeanError } from '../errors.ts';
import { ignoredLabel, isLanguageTask, type TaskKind } from '../task.ts';
import {
  accuracy,
  countClasses,
  countLabels,
  macroF1,
  matthewsCorrelation,
  microF1,
} from './classification.ts';
import { meanSquaredError, pearson, spearman } from './correlation.ts';
import { areSpanTags, scoreSpans } from './spans.ts';

/** What a model said about one example, and what is right. */
export interface Prediction {
  /**
   * [classes], [1] for regression, [length * classes] for token classification; longer is padding.
   */
  readonly logits: Float32Array;
  readonly labels: ExampleLabels | null;
}

/** How a task is scored. */
export interface TaskMetrics {
  /** The metric that tells the best checkpoint; larger is better. */
  readonly main: string;
  /**
   * All metrics of the task, by name.
   *
   * @throws RegmeanError `invalid-input` for unlabelled examples or none, `numerical` for logits
   *   that are not finite
   */
  compute(predictions: readonly Prediction[]): Readonly<Record<string, number>>;
}

/**
 * The metrics of a task:
 *
 * | task | metrics, the main one first |
 * | --- | --- |
 * | text-classification | accuracy, macroF1, matthews |
 * | multi-label-classification | macroF1, microF1, accuracy (all classes of a row right); a class applies from probability 1/2 |
 * | regression | pearson, spearman, mse |
 * | token-classification with span tags | spanF1, spanPrecision, spanRecall, accuracy |
 * | token-classification otherwise | accuracy, macroF1 |
 *
 * Token metrics are over the labelled tokens: words cut off by the maximum length are not scored.
 *
 * @param names the classes; empty for regression
 * @param subset names of the classes that macro-F1 is over; those that occur when absent
 * @throws RegmeanError `usage` for a subset with a name that is no class, or where there is no
 *   macro-F1; `unsupported` for language tasks, which are not scored by logits of classes
 */
export function metricsFor(
  task: TaskKind,
  names: readonly string[],
  subset?: readonly string[],
): TaskMetrics {
  const spans = task === 'token-classification' && areSpanTags(names);
  if (subset !== undefined && (spans || task === 'regression')) {
    throw new RegmeanError('usage', `classes: ${spans ? 'span tags have' : 'regression has'} no macro-F1`);
  }
  const averaged = subset?.map((name) => classOf(name, names));
  switch (task) {
    case 'text-classification':
      return scorer('accuracy', (predictions) => textClassification(predictions, names.length, averaged));
    case 'multi-label-classification':
      return scorer('macroF1', (predictions) => multiLabel(predictions, names.length, averaged));
    case 'regression':
      return scorer('pearson', regression);
    case 'token-classification':
      return scorer(spans ? 'spanF1' : 'accuracy', (predictions) =>
        tokens(predictions, names, spans, averaged),
      );
    case 'text2text':
    case 'causal-lm':
    case 'masked-lm':
      throw new RegmeanError(
        'unsupported',
        `metrics: must be asked of a task with classes or values, got ${task}`,
      );
  }
}

/** The metric that a task with these classes is judged by; larger is better. */
export function mainMetric(task: TaskKind, names: readonly string[]): string {
  if (task === 'text2text') return 'exactMatch';
  return isLanguageTask(task) ? 'logLikelihood' : metricsFor(task, names).main;
}

type Scores = Readonly<Record<string, number>>;

function scorer(main: string, score: (predictions: readonly Prediction[]) => Scores): TaskMetrics {
  return {
    main,
    compute(predictions) {
      if (predictions.length === 0) {
        throw new RegmeanError('invalid-input', 'metrics: needs at least one example, got none');
      }
      return score(predictions);
    },
  };
}

function textClassification(
  predictions: readonly Prediction[],
  classes: number,
  averaged?: readonly number[],
): Scores {
  const predicted = predictions.map(({ logits }) => argmax(logits, 0, classes));
  const gold = predictions.map((prediction) => rightLabels(prediction, 'class').id);
  const counts = countClasses({ predicted, gold }, classes);
  return {
    accuracy: accuracy(predicted, gold),
    macroF1: macroF1(counts, averaged),
    matthews: matthewsCorrelation(counts),
  };
}

function multiLabel(
  predictions: readonly Prediction[],
  classes: number,
  averaged?: readonly number[],
): Scores {
  const predicted = new Float32Array(predictions.length * classes);
  const gold = new Float32Array(predictions.length * classes);
  let rightRows = 0;
  for (const [row, prediction] of predictions.entries()) {
    const { logits } = prediction;
    const { flags } = rightLabels(prediction, 'flags');
    let right = true;
    for (let id = 0; id < classes; id++) {
      const flag = finite(logits[id]) > 0 ? 1 : 0;
      predicted[row * classes + id] = flag;
      if (flag !== flags[id]) right = false;
    }
    gold.set(flags, row * classes);
    if (right) rightRows++;
  }
  const counts = countLabels({ predicted, gold }, classes);
  return {
    macroF1: macroF1(counts, averaged),
    microF1: microF1(counts),
    accuracy: rightRows / predictions.length,
  };
}

function regression(predictions: readonly Prediction[]): Scores {
  const predicted = predictions.map(({ logits }) => finite(logits[0]));
  const gold = predictions.map((prediction) => rightLabels(prediction, 'value').value);
  return {
    pearson: pearson(predicted, gold),
    spearman: spearman(predicted, gold),
    mse: meanSquaredError(predicted, gold),
  };
}

function tokens(
  predictions: readonly Prediction[],
  names: readonly string[],
  spans: boolean,
  averaged?: readonly number[],
): Scores {
  const predicted: number[][] = [];
  const gold: number[][] = [];
  for (const prediction of predictions) {
    const { logits } = prediction;
    const { ids } = rightLabels(prediction, 'tags');
    const positions = [...ids.keys()].filter((position) => ids[position] !== ignoredLabel);
    predicted.push(positions.map((position) => argmax(logits, position * names.length, names.length)));
    gold.push(positions.map((position) => ids[position] as number));
  }
  const flatPredicted = predicted.flat();
  const flatGold = gold.flat();
  const tokenAccuracy = accuracy(flatPredicted, flatGold);
  if (!spans) {
    return {
      accuracy: tokenAccuracy,
      macroF1: macroF1(countClasses({ predicted: flatPredicted, gold: flatGold }, names.length), averaged),
    };
  }
  const tagsOf = (ids: readonly number[]): string[] => ids.map((id) => names[id] ?? 'O');
  const scores = scoreSpans({ predicted: predicted.map(tagsOf), gold: gold.map(tagsOf) });
  return {
    spanF1: scores.f1,
    spanPrecision: scores.precision,
    spanRecall: scores.recall,
    accuracy: tokenAccuracy,
  };
}

/** Index of the largest of `count` logits from `start`, the first of equals. */
function argmax(logits: Float32Array, start: number, count: number): number {
  let best = 0;
  let bestLogit = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < count; id++) {
    const logit = finite(logits[start + id]);
    if (logit > bestLogit) {
      best = id;
      bestLogit = logit;
    }
  }
  return best;
}

function finite(logit: number | undefined): number {
  if (logit !== undefined && Number.isFinite(logit)) return logit;
  throw new RegmeanError('numerical', `metrics: logits must be finite, one per class, got ${logit}`);
}

function rightLabels<K extends ExampleLabels['kind']>({ labels }: Prediction, kind: K): LabelsOfKind<K> {
  return labelsOfKind(
    labels,
    kind,
    () => new RegmeanError('invalid-input', 'metrics: every example must have a label, got one without'),
  );
}

function classOf(name: string, names: readonly string[]): number {
  const id = names.indexOf(name);
  if (id >= 0) return id;
  throw new RegmeanError('usage', `metrics: ${name} is none of the classes ${names.join(', ')}`);
}
