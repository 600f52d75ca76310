import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { RegmeanError } from '../../shared/errors.ts';
import { noteCutRows } from '../../shared/examples/cut-rows.ts';
import type { EncodedExample } from '../../shared/examples/example.ts';
import { writeFileAtomically } from '../../shared/files/atomic-write.ts';
import { loadModel } from '../../shared/formats/load-model.ts';
import { loadModelExamples, type ModelExamplesRequest } from '../../shared/inference/load-examples.ts';
import { type OpenPredictor, openPredictor } from '../../shared/inference/open-predictor.ts';
import { noteSurplus } from '../../shared/models/surplus-tensors.ts';
import type { Progress, RunContext } from '../../shared/runtime/run-context.ts';
import { isLanguageTask } from '../../shared/task.ts';
import { describeTexts } from './describe-texts.ts';
import type { PredictOptions } from './predict-options.ts';

/**
 * Writes a line per row of the data: its logits and what they say, or the text that is generated.
 *
 * @returns the number of rows
 */
export async function predictFile(options: PredictOptions, context: RunContext): Promise<number> {
  await requireFileName(options.out);
  const described = isLanguageTask(options.task)
    ? await predictTexts(options, context)
    : await predictRows(options, context);
  await mkdir(dirname(options.out), { recursive: true });
  await writeFileAtomically(options.out, async (file) => {
    for (const row of described) await file.write(`${JSON.stringify(row)}\n`);
  });
  return described.length;
}

async function predictTexts(options: PredictOptions, context: RunContext): Promise<readonly object[]> {
  const { model, surplus, folder } = await loadModel(options.model, { task: options.task });
  noteSurplus({ ...options, surplus }, context);
  const rows = await loadModelExamples(model, requestOf(options, folder));
  noteCutRows(options.dataFiles.join(', '), rows.truncated, context);
  const progress = startPredicting(rows.examples, context);
  const described = await describeTexts(model, rows, options, context.compute, progress);
  progress.finish();
  return described;
}

async function predictRows(options: PredictOptions, context: RunContext): Promise<readonly object[]> {
  const { model, predictor, folder, surplus } = await openPredictor(options.model, options.task, context);
  try {
    noteSurplus({ ...options, surplus }, context);
    const { examples, truncated } = await loadModelExamples(model, requestOf(options, folder));
    noteCutRows(options.dataFiles.join(', '), truncated, context);
    const progress = startPredicting(examples, context);
    const logits = await predictor.predict(examples, options.batchSize, progress);
    progress.finish();
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

function startPredicting(examples: readonly EncodedExample[], context: RunContext): Progress {
  const total = examples.reduce((sum, example) => sum + example.inputIds.length, 0);
  return context.progress({ label: 'predicting', total, unit: 'tokens' });
}

/** Checks before the work that its result has a place to go. */
async function requireFileName(path: string): Promise<void> {
  const present = await stat(path).catch(() => null);
  if (present?.isDirectory() === true) {
    throw new RegmeanError('invalid-input', `--out ${path}: must be a file, is a folder`);
  }
}

/** What is written of one row. */
function describeRow(model: OpenPredictor['model'], example: EncodedExample, logits: Float32Array): object {
  const name = (id: number): string => model.labels[id] ?? String(id);
  switch (model.task) {
    case 'regression':
      return { logits: [...logits], value: logits[0] };
    case 'multi-label-classification':
      return { logits: [...logits], labels: model.labels.filter((_, id) => (logits[id] ?? 0) > 0) };
    case 'token-classification': {
      const rows = rowsOf(logits, model.labels.length);
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
