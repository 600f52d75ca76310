/** @file Scores models, and their ensemble, on labelled data files. */
import { startProgress } from '../../shared/cli/progress.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { loadExamples } from '../../shared/inference/load-examples.ts';
import { createPredictor, type ExampleLogits } from '../../shared/inference/predictor.ts';
import { metricsFor } from '../../shared/metrics/metrics-for.ts';
import { loadModel } from '../../shared/models/model-folder.ts';
import type { TaskKind } from '../../shared/task.ts';

/** What to score. */
export interface EvaluateOptions {
  readonly models: readonly string[];
  readonly task: TaskKind;
  readonly dataFiles: readonly string[];
  /** Whether the mean of the models' logits is scored too (paper, Section 4.2). */
  readonly ensemble: boolean;
  readonly batchSize: number;
  readonly maxLength?: number;
  readonly threads?: number;
}

/** The scores of one model, or of the ensemble, on one data file. */
export interface Score {
  /** Model folder, or `ensemble`. */
  readonly model: string;
  readonly data: string;
  readonly examples: number;
  /** The metric that the task is judged by. */
  readonly main: string;
  readonly metrics: Readonly<Record<string, number>>;
}

const ensembleName = 'ensemble';

/**
 * Scores every model on every file, in that order, then the ensemble.
 *
 * @throws when the models of an ensemble have different labels
 */
export async function evaluateModels(options: EvaluateOptions): Promise<readonly Score[]> {
  const scores: Score[] = [];
  const ensembles = new Map<string, { logits: ExampleLogits[]; score: (l: ExampleLogits[]) => Score }>();
  let firstLabels: readonly string[] | null = null;

  for (const folder of options.models) {
    const { model } = await loadModel(folder, { task: options.task });
    if (options.ensemble && firstLabels !== null && firstLabels.join('\n') !== model.labels.join('\n')) {
      throw new RegmeanError(
        'invalid-input',
        `--ensemble: models must have the same labels in the same order, ${folder} has ${model.labels.join(', ')}`,
      );
    }
    firstLabels ??= model.labels;
    const predictor = await createPredictor(model, model.weights, options.threads);
    const metrics = metricsFor(model.task, model.labels);
    for (const file of options.dataFiles) {
      const { examples } = await loadExamples({
        files: [file],
        task: options.task,
        labels: model.labels,
        modelFolder: folder,
        config: model.config,
        labelled: true,
        ...(options.maxLength === undefined ? {} : { maxLength: options.maxLength }),
      });
      const total = examples.reduce((sum, example) => sum + example.inputIds.length, 0);
      const progress = startProgress({ label: `scoring ${folder} on ${file}`, total, unit: 'tokens' });
      const logits = await predictor.predict(examples, options.batchSize, progress);
      progress.finish();
      const score = (name: string, values: readonly ExampleLogits[]): Score => ({
        model: name,
        data: file,
        examples: examples.length,
        main: metrics.main,
        metrics: metrics.compute(
          examples.map(({ labels }, index) => ({ logits: values[index] ?? new Float32Array(0), labels })),
        ),
      });
      scores.push(score(folder, logits));
      if (options.ensemble) addToEnsemble(ensembles, file, logits, (mean) => score(ensembleName, mean));
    }
    await predictor.dispose();
  }
  for (const { logits, score } of ensembles.values()) {
    scores.push(score(logits.map((sum) => sum.map((value) => value / options.models.length))));
  }
  return scores;
}

/** Adds a model's logits to the sum of those before it; the mean is taken when all models have spoken. */
function addToEnsemble(
  ensembles: Map<string, { logits: ExampleLogits[]; score: (l: ExampleLogits[]) => Score }>,
  file: string,
  logits: ExampleLogits[],
  score: (l: ExampleLogits[]) => Score,
): void {
  const sum = ensembles.get(file);
  if (sum === undefined) {
    ensembles.set(file, { logits, score });
    return;
  }
  for (const [index, own] of logits.entries()) {
    const total = sum.logits[index];
    if (total?.length !== own.length) {
      throw new RegmeanError(
        'invalid-input',
        `--ensemble: models must tokenize ${file} alike, row ${index + 1} differs`,
      );
    }
    for (let i = 0; i < own.length; i++) total[i] = (total[i] as number) + (own[i] as number);
  }
}

/** Scores as lines for people: one per model and file, the main metric first. */
export function formatScores(scores: readonly Score[]): string {
  return scores
    .map(({ model, data, examples, main, metrics }) => {
      const names = [main, ...Object.keys(metrics).filter((name) => name !== main)];
      const values = names.map((name) => `${name} ${(metrics[name] ?? Number.NaN).toFixed(4)}`);
      return `${model} on ${data} (${examples} examples): ${values.join(', ')}\n`;
    })
    .join('');
}
