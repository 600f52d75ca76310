/** @file From data files to examples that a model can read. */
import type { DataColumns } from '../data/column-names.ts';
import { collectLabels, createLabelSpace } from '../data/label-space.ts';
import { readRows } from '../data/read-rows.ts';
import type { Row } from '../data/row.ts';
import type { EncodedExample } from '../examples/example.ts';
import type { InputSpec } from '../models/input-spec.ts';
import type { ModelIdentity } from '../models/model-graph.ts';
import { isLanguageTask, type TaskKind } from '../task.ts';
import { encodeRows, needsTokenizer } from '../tokenization/encode-rows.ts';
import { loadTokenizer } from '../tokenization/load-tokenizer.ts';

/** Examples and the rows they come from. */
export interface LoadedExamples {
  readonly rows: readonly Row[];
  readonly examples: readonly EncodedExample[];
  /** Rows cut to the maximum length. */
  readonly truncated: number;
}

/** Which data, for which model. */
export interface ExamplesRequest {
  readonly files: readonly string[];
  /** What their columns are called, where the usual names do not say it. */
  readonly columns?: DataColumns | undefined;
  readonly task: TaskKind;
  readonly labels: readonly string[];
  /** The folder that the model's tokenizer lies in. */
  readonly modelFolder: string;
  readonly inputs: InputSpec;
  readonly labelled: boolean;
  readonly maxLength?: number | undefined;
}

/** Reads and tokenizes data files. Throws naming file and row of what is wrong. */
export async function loadExamples(request: ExamplesRequest): Promise<LoadedExamples> {
  const { features, vocabSize, typeVocabSize } = request.inputs;
  const rows = await readRows(
    request.files,
    {
      task: request.task,
      labelled: request.labelled,
      reads: features === undefined ? 'text' : 'features',
    },
    request.columns,
  );
  const tokenizer = needsTokenizer(rows, request.task) ? await loadTokenizer(request.modelFolder) : null;
  const named = request.task !== 'regression' && !isLanguageTask(request.task);
  const labelled = rows.some((row) => row.label !== null);
  const { examples, truncated } = await encodeRows(
    rows,
    request.task,
    tokenizer,
    named && labelled ? createLabelSpace(request.labels) : null,
    {
      maxLength: Math.min(request.maxLength ?? Number.POSITIVE_INFINITY, request.inputs.maxLength),
      vocabSize,
      ...(typeVocabSize === undefined ? {} : { typeVocabSize }),
      ...(features === undefined ? {} : { features }),
    },
  );
  return { rows, examples, truncated };
}

/** What is read for a model, beside what the model itself says. */
export type ModelExamplesRequest = Omit<ExamplesRequest, 'task' | 'labels' | 'inputs'>;

/** A model as far as it says how examples are read. */
export interface ExampleReader extends Pick<ModelIdentity, 'task' | 'labels'> {
  readonly config: { readonly inputs: InputSpec };
}

/** The examples of data files for a model: its task, its classes, its longest sequence. */
export function loadModelExamples(
  { task, labels, config: { inputs } }: ExampleReader,
  request: ModelExamplesRequest,
): Promise<LoadedExamples> {
  return loadExamples({ ...request, task, labels, inputs });
}

/**
 * The classes that occur in data files, sorted by name; one name for regression, none for language
 * tasks.
 */
export async function labelsInFiles(
  files: readonly string[],
  task: TaskKind,
  columns: DataColumns = {},
): Promise<readonly string[]> {
  if (isLanguageTask(task)) return [];
  const rows = await readRows(files, { task, labelled: true, reads: 'any' }, columns);
  return collectLabels(rows, task)?.names ?? ['LABEL_0'];
}
