/** @file Scores models, and their ensemble, on labelled data files. */
import { startProgress } from '../../shared/cli/progress.ts';
import { manifestFile, readManifest } from '../../shared/contribution/manifest.ts';
import { readTrainingRecord, trainingRecordFile } from '../../shared/contribution/training-record.ts';
import { listFolder } from '../../shared/files/atomic-folder.ts';
import type { ModelLogits } from '../../shared/inference/class-logits.ts';
import { classesOfData } from '../../shared/inference/data-classes.ts';
import { loadExamples } from '../../shared/inference/load-examples.ts';
import { createPredictor } from '../../shared/inference/predictor.ts';
import { type LabelledExamples, scoreModels } from '../../shared/inference/score.ts';
import { loadModel } from '../../shared/models/model-folder.ts';
import type { TaskKind } from '../../shared/task.ts';

/** What to score. */
export interface EvaluateOptions {
  readonly models: readonly string[];
  readonly task: TaskKind;
  readonly dataFiles: readonly string[];
  /** Whether the mean of the models' logits is scored too (paper, Section 4.2). */
  readonly ensemble: boolean;
  /** Classes that macro-F1 is over; those that occur when absent. */
  readonly classes?: readonly string[];
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
 * Scores every model on every file, in that order, then the ensemble. Models' classes need not be those of the data,
 * nor the same (see shared/inference/score.ts).
 *
 * @throws RegmeanError `invalid-input` when a model knows no class of a file
 */
export async function evaluateModels(options: EvaluateOptions): Promise<readonly Score[]> {
  const { task, classes } = options;
  const scores: Score[] = [];
  const said = new Map<string, ModelLogits[]>();
  const gold = new Map<string, LabelledExamples>();
  for (const folder of options.models) {
    const { model } = await loadModel(folder, { task });
    const learned = await learnedLabels(folder);
    const predictor = await createPredictor(model, model.weights, options.threads);
    for (const file of options.dataFiles) {
      const labels = await classesOfData([file], task, model.labels, folder);
      const { examples } = await loadExamples({
        files: [file],
        task,
        labels,
        modelFolder: folder,
        config: model.config,
        labelled: true,
        ...(options.maxLength === undefined ? {} : { maxLength: options.maxLength }),
      });
      const total = examples.reduce((sum, example) => sum + example.inputIds.length, 0);
      const progress = startProgress({ label: `scoring ${folder} on ${file}`, total, unit: 'tokens' });
      const logits = await predictor.predict(examples, options.batchSize, progress);
      progress.finish();
      const own: ModelLogits = { labels: model.labels, learned, logits };
      const data: LabelledExamples = { task, labels, examples };
      scores.push({
        model: folder,
        data: file,
        examples: examples.length,
        ...scoreModels([own], data, classes),
      });
      if (!options.ensemble) continue;
      said.set(file, [...(said.get(file) ?? []), own]);
      if (!gold.has(file)) gold.set(file, data);
    }
    await predictor.dispose();
  }
  for (const [file, models] of said) {
    const data = gold.get(file) as LabelledExamples;
    const score = scoreModels(models, data, classes);
    scores.push({ model: ensembleName, data: file, examples: data.examples.length, ...score });
  }
  return scores;
}

/** The classes that a model learned, where its folder says so. */
async function learnedLabels(folder: string): Promise<readonly string[] | undefined> {
  const present = (await listFolder(folder)) ?? [];
  if (present.includes(manifestFile)) return (await readManifest(folder)).seenLabels;
  return present.includes(trainingRecordFile) ? (await readTrainingRecord(folder)).seenLabels : undefined;
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
