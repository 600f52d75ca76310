/** @file Scores of logits against labelled data whose classes need not be the models'. */
import type { LabelledExamples } from '../examples/labelled-examples.ts';
import { metricsFor } from '../metrics/metrics-for.ts';
import { type ModelLogits, meanLogits, unitedClasses } from './class-logits.ts';

/** Metrics, and which of them the task is judged by. */
export interface NamedMetrics {
  readonly main: string;
  readonly metrics: Readonly<Record<string, number>>;
}

/**
 * Scores one model, or the ensemble of several. Classes of the data that no model knows are never
 * predicted. Classes that only models know stay possible predictions, and are then wrong; in
 * multi-label data they are not annotated, and are left out.
 *
 * @param subset classes that macro-F1 is over; those that occur when absent
 */
export function scoreModels(
  models: readonly ModelLogits[],
  { task, classes: ofData, examples }: LabelledExamples,
  subset?: readonly string[],
): NamedMetrics {
  const onlyData = task === 'multi-label-classification' || task === 'regression';
  const classes = onlyData ? ofData : unitedClasses(ofData, models);
  const logits = meanLogits(models, classes, task);
  const metrics = metricsFor(task, classes, subset);
  return {
    main: metrics.main,
    metrics: metrics.compute(
      examples.map((example, index) => ({
        logits: logits[index] ?? new Float32Array(0),
        labels: example.labels,
      })),
    ),
  };
}
