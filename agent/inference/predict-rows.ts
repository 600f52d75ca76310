import { withWholeModel } from '../../shared/adapters/with-whole-model.ts';
import { noteCutRows } from '../../shared/examples/cut-rows.ts';
import type { EncodedExample } from '../../shared/examples/example.ts';
import { loadModel } from '../../shared/formats/load-model.ts';
import { loadModelExamples, type ModelExamplesRequest } from '../../shared/inference/load-examples.ts';
import { type OpenPredictor, openPredictor } from '../../shared/inference/open-predictor.ts';
import { noteSurplus } from '../../shared/models/surplus-tensors.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import { isLanguageTask } from '../../shared/task.ts';
import { describeTexts } from './describe-texts.ts';
import type { PredictOptions } from './predict-options.ts';

/** What a model says of one row; which fields there are follows from the task. */
export interface RowPrediction {
  /** A number per class; for token-classification and language tasks, such a list per token. */
  readonly logits?: readonly number[] | readonly (readonly number[])[];
  /** text-classification: the most probable class. */
  readonly label?: string;
  /**
   * multi-label-classification: the classes that apply; token-classification: one per word, null
   * for a word that was cut off.
   */
  readonly labels?: readonly (string | null)[];
  /** regression */
  readonly value?: number | undefined;
  /** Generated tokens and their text. */
  readonly ids?: readonly number[];
  readonly text?: string;
  /** Of a given text: the sum over its tokens, and how many they are. */
  readonly logLikelihood?: number;
  readonly tokens?: number;
}

/** Runs a model over data: its logits and what they say, or the texts that are generated. */
export async function predictRows(
  options: PredictOptions,
  context: RunContext,
): Promise<readonly RowPrediction[]> {
  const predict = isLanguageTask(options.task) ? predictTexts : predictClasses;
  return withWholeModel(options.model, options, (model) => predict({ ...options, model }, context));
}

async function predictTexts(options: PredictOptions, context: RunContext): Promise<readonly RowPrediction[]> {
  const { model, surplus, folder } = await loadModel(options.model, { task: options.task });
  noteSurplus({ ...options, surplus }, context);
  const rows = await loadModelExamples(model, requestOf(options, folder));
  noteCutRows(options.dataFiles.join(', '), rows.truncated, context);
  return describeTexts(model, rows, { ...options, folder }, context);
}

async function predictClasses(
  options: PredictOptions,
  context: RunContext,
): Promise<readonly RowPrediction[]> {
  const { model, predictor, folder, surplus } = await openPredictor(options.model, options.task, context);
  try {
    noteSurplus({ ...options, surplus }, context);
    const { examples, truncated } = await loadModelExamples(model, requestOf(options, folder));
    noteCutRows(options.dataFiles.join(', '), truncated, context);
    const logits = await predictor.predict(examples, { batchSize: options.batchSize }, context);
    return examples.map((example, index) =>
      describeRow(model, example, logits[index] ?? new Float32Array(0)),
    );
  } finally {
    await predictor.dispose();
  }
}

function requestOf(
  { dataFiles, columns, maxLength }: PredictOptions,
  modelFolder: string,
): ModelExamplesRequest {
  return { files: dataFiles, columns, modelFolder, labelled: false, maxLength };
}

/** What is written of one row. */
function describeRow(
  model: OpenPredictor['model'],
  example: EncodedExample,
  logits: Float32Array,
): RowPrediction {
  const name = (id: number): string => model.classes[id] ?? String(id);
  switch (model.task) {
    case 'regression':
      return { logits: [...logits], value: logits[0] };
    case 'multi-label-classification':
      return { logits: [...logits], labels: model.classes.filter((_, id) => (logits[id] ?? 0) > 0) };
    case 'token-classification': {
      const rows = rowsOf(logits, model.outputs);
      const positions = example.wordPositions;
      const words = positions === null ? rows : [...positions].map((position) => rows[position] ?? null);
      return { logits: rows, labels: words.map((row) => (row === null ? null : name(largest(row)))) };
    }
    default:
      return { logits: [...logits], label: name(largest([...logits])) };
  }
}

function rowsOf(logits: Float32Array, outputs: number): number[][] {
  return Array.from({ length: logits.length / outputs }, (_, row) => [
    ...logits.subarray(row * outputs, (row + 1) * outputs),
  ]);
}

function largest(values: readonly number[]): number {
  return values.indexOf(Math.max(...values));
}
