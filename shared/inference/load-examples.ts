/** @file From data files to examples that a model can read. */
import type { DataColumns } from '../data/column-names.ts';
import { collectLabels, createLabelSpace } from '../data/label-space.ts';
import { type ReadData, readData, readRows } from '../data/read-rows.ts';
import type { Row } from '../data/row.ts';
import { hasClasses } from '../models/classes.ts';
import type { InputSpec } from '../models/input-spec.ts';
import type { ModelIdentity } from '../models/model-graph.ts';
import type { TaskKind } from '../task.ts';
import { type EncodedRows, encodeRows, needsTokenizer } from '../tokenization/encode-rows.ts';
import { loadTokenizer } from '../tokenization/load-tokenizer.ts';

/** Examples and the rows they come from. */
export interface LoadedExamples extends EncodedRows {
  readonly rows: readonly Row[];
}

/** Which data files, and what their rows are read for. */
export interface DataRequest {
  readonly files: readonly string[];
  /** What their columns are called, where the usual names do not say it. */
  readonly columns?: DataColumns | undefined;
  readonly task: TaskKind;
  readonly labelled: boolean;
  /** What the model reads: tokens, or numbers. */
  readonly inputs: Pick<InputSpec, 'features'>;
}

/** Which examples are made of rows, for which model. */
export interface EncodingRequest {
  readonly task: TaskKind;
  /** Classes of the rows' labels; none for tasks without. */
  readonly classes: readonly string[];
  /** The model, for its tokenizer: a folder, or an ONNX file that the tokenizer lies beside. */
  readonly modelFolder: string;
  readonly inputs: InputSpec;
  readonly maxLength?: number | undefined;
}

/** Both. */
export type ExamplesRequest = EncodingRequest & Omit<DataRequest, 'inputs'>;

/** Reads data files for a model. Throws naming file and row of what is wrong. */
export function readDataFor({ files, columns, task, labelled, inputs }: DataRequest): Promise<ReadData> {
  const reads = inputs.features === undefined ? 'text' : 'features';
  return readData(files, { task, labelled, reads }, columns);
}

/** Tokenizes rows for a model. Throws naming file and row of what is wrong. */
export async function examplesOf(rows: readonly Row[], request: EncodingRequest): Promise<LoadedExamples> {
  const { task, classes, modelFolder, inputs } = request;
  const { features, vocabSize, typeVocabSize } = inputs;
  const tokenizer = needsTokenizer(rows, task) ? await loadTokenizer(modelFolder) : null;
  const labelled = rows.some((row) => row.label !== null);
  const encoded = await encodeRows(
    rows,
    task,
    tokenizer,
    hasClasses(task) && labelled ? createLabelSpace(classes) : null,
    {
      maxLength: Math.min(request.maxLength ?? Number.POSITIVE_INFINITY, inputs.maxLength),
      vocabSize,
      ...(typeVocabSize === undefined ? {} : { typeVocabSize }),
      ...(features === undefined ? {} : { features }),
    },
  );
  return { rows, ...encoded };
}

/** Reads and tokenizes data files. Throws naming file and row of what is wrong. */
export async function loadExamples(request: ExamplesRequest): Promise<LoadedExamples> {
  return examplesOf((await readDataFor(request)).rows, request);
}

/** What is read for a model, beside what the model itself says. */
export type ModelExamplesRequest = Omit<ExamplesRequest, 'task' | 'classes' | 'inputs'>;

/** A model as far as it says how examples are read. */
export interface ExampleReader extends Pick<ModelIdentity, 'task' | 'classes' | 'outputs'> {
  readonly config: { readonly inputs: InputSpec };
}

/** The examples of data files for a model: its task, its classes, its longest sequence. */
export function loadModelExamples(
  { task, classes, config: { inputs } }: ExampleReader,
  request: ModelExamplesRequest,
): Promise<LoadedExamples> {
  return loadExamples({ ...request, task, classes, inputs });
}

/** The classes that occur in rows, sorted by name; none for tasks without. */
export function classesOfRows(rows: readonly Row[], task: TaskKind): readonly string[] {
  return collectLabels(rows, task)?.names ?? [];
}

/** The classes that occur in data files. */
export async function classesInFiles(
  files: readonly string[],
  task: TaskKind,
  columns: DataColumns = {},
): Promise<readonly string[]> {
  if (!hasClasses(task)) return [];
  return classesOfRows(await readRows(files, { task, labelled: true, reads: 'any' }, columns), task);
}
