/** @file Scores models, and their ensemble, on labelled data files. */
import { withWholeModels } from '../../shared/adapters/with-whole-model.ts';
import { modelsToScore } from '../../shared/candidates/candidate-models.ts';
import { manifestFile, readManifest } from '../../shared/contribution/manifest.ts';
import { readTrainingRecord, trainingRecordFile } from '../../shared/contribution/training-record.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { noteCutRows } from '../../shared/examples/cut-rows.ts';
import {
  firstLabelledOtherwise,
  type LabelledExamples,
  withClasses,
} from '../../shared/examples/labelled-examples.ts';
import { listFolder } from '../../shared/files/atomic-folder.ts';
import { type ModelLogits, unitedClasses } from '../../shared/inference/class-logits.ts';
import { classesOfData } from '../../shared/inference/data-classes.ts';
import { examplesOf } from '../../shared/inference/load-examples.ts';
import { type OpenPredictor, openPredictor } from '../../shared/inference/open-predictor.ts';
import { scoreModels } from '../../shared/inference/score.ts';
import { createSharedData, type SharedData } from '../../shared/inference/shared-data.ts';
import { noteSurplus } from '../../shared/models/surplus-tensors.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import { isLanguageTask } from '../../shared/task.ts';
import { counted } from '../../shared/text/amounts.ts';
import { evaluateLanguageModels } from './evaluate-language-models.ts';
import type { EvaluateOptions, MarkedModel, Score } from './evaluate-options.ts';

const ensembleName = 'ensemble';

/** What the ensemble of a file is made from. */
interface Ensemble {
  /** The examples as the first model reads them. */
  readonly data: LabelledExamples;
  readonly models: ModelLogits[];
}

/**
 * Scores every model on every file, in that order, then the ensemble. Models' classes need not be
 * those of the data, nor the same (see shared/inference/score.ts).
 *
 * @throws RegmeanError `invalid-input` when a model knows no class of a file, or models of an
 *   ensemble read its labels differently
 */
export async function evaluateModels(
  options: EvaluateOptions,
  context: RunContext,
): Promise<readonly Score[]> {
  const { task, agent } = options;
  const mark = agent === undefined ? {} : { agent };
  const models = (await modelsToScore(options.models, agent)).map((own) => ({ ...own, ...mark }));
  const paths = models.map(({ path }) => path);
  return withWholeModels(paths, options, async (whole) => {
    const opened = models.map((own, index) => ({ ...own, path: whole[index] ?? own.path }));
    const score = isLanguageTask(task) ? evaluateLanguageModels : evaluateClassifiers;
    const scores = await score({ ...options, models: opened }, context);
    // An adapter is called by its own folder.
    return scores.map((own) => ({ ...own, model: paths[whole.indexOf(own.model)] ?? own.model }));
  });
}

async function evaluateClassifiers(
  options: Omit<EvaluateOptions, 'models'> & { readonly models: readonly MarkedModel[] },
  context: RunContext,
): Promise<readonly Score[]> {
  const { task, classes, models } = options;
  const scores: Score[] = [];
  const ensembles = new Map<string, Ensemble>();
  const files = createSharedData(options);
  for (const { path: folder, ...marks } of models) {
    const opened = await openPredictor(folder, task, context);
    const { model, predictor, folder: modelFolder } = opened;
    noteSurplus({ model: folder, task, surplus: opened.surplus }, context);
    const learned = await learnedLabels(modelFolder);
    try {
      for (const file of options.dataFiles) {
        const data = await loadLabelled(files, opened, file, options, context);
        const { examples } = data;
        const evaluation = { batchSize: options.batchSize, name: `scoring ${folder} on ${file}` };
        const logits = await predictor.predict(examples, evaluation, context);
        const own: ModelLogits = { classes: model.classes, outputs: model.outputs, learned, logits };
        const score = scoreModels([own], data, classes);
        scores.push({ model: folder, data: file, examples: examples.length, ...score, ...marks });
        if (options.ensemble) addToEnsemble(ensembles, folder, file, data, own);
      }
    } finally {
      await predictor.dispose();
    }
  }
  for (const [file, { data, models: members }] of ensembles) {
    const all = task === 'regression' ? data : withClasses(data, unitedClasses(data.classes, members));
    const score = scoreModels(members, all, classes);
    scores.push({ model: ensembleName, data: file, examples: data.examples.length, ...score });
  }
  return scores;
}

/** Reads a file for a model, and says which of its classes the model does not know. */
async function loadLabelled(
  files: SharedData,
  { model, folder }: Pick<OpenPredictor, 'model' | 'folder'>,
  file: string,
  { task, maxLength }: Omit<EvaluateOptions, 'models'>,
  context: RunContext,
): Promise<LabelledExamples> {
  const { inputs } = model.config;
  const rows = await files.rowsFor([file], inputs);
  const classes = classesOfData(rows, model, folder);
  const request = { task, classes, inputs, modelFolder: folder, maxLength };
  const { examples, truncated } = await examplesOf(rows, request);
  noteCutRows(file, truncated, context);
  const unknown = classes.slice(model.classes.length);
  if (unknown.length > 0) {
    context.note(`${folder}: never predicts ${unknown.join(', ')} of ${file}, which it does not know`);
  }
  return { task, classes, examples };
}

function addToEnsemble(
  ensembles: Map<string, Ensemble>,
  folder: string,
  file: string,
  data: LabelledExamples,
  logits: ModelLogits,
): void {
  const ensemble = ensembles.get(file) ?? { data, models: [] };
  const row = firstLabelledOtherwise(ensemble.data, data);
  if (row >= 0) {
    throw new RegmeanError(
      'invalid-input',
      `--ensemble: models must read the labels of ${file} alike, ${folder} reads row ${row + 1} differently`,
      {
        hint: 'class numbers mean other classes where heads have another order: name the classes in the data',
      },
    );
  }
  ensemble.models.push(logits);
  ensembles.set(file, ensemble);
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
      return `${model} on ${data} (${counted(examples, 'example')}): ${values.join(', ')}\n`;
    })
    .join('');
}
