import type { ColumnSource } from 'hyparquet-writer';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import { encodeLabels } from '../../../shared/data/encode-labels.ts';
import { asKind } from '../../../shared/data/example-labels.ts';
import { collectLabels } from '../../../shared/data/label-space.ts';
import { readRows } from '../../../shared/data/read-rows.ts';
import type { TaskKind } from '../../../shared/task.ts';
import { dataFile } from './data-files.ts';

/** Names of the classes, and the labels of the rows, of a data file. */
async function labelsOf(name: string, content: string | Uint8Array, task: TaskKind = 'text-classification') {
  const rows = await readRows([await dataFile(name, content)], { task, labelled: true });
  const space = collectLabels(rows, task);
  const ids = encodeLabels(rows, task, space).map((labels) =>
    labels?.kind === 'class' ? labels.id : [...(asKind(labels, 'flags')?.flags ?? [])],
  );
  return { names: space?.names, ids };
}

const jsonLines = (labels: readonly string[]) =>
  labels.map((label) => `{"text": "a", "label": ${label}}`).join('\n');
const csv = (labels: readonly string[]) => ['text,label', ...labels.map((label) => `a,${label}`)].join('\n');
const parquet = (data: unknown[], type: ColumnSource['type']) =>
  new Uint8Array(
    parquetWriteBuffer({
      columnData: [
        { name: 'text', data: data.map(() => 'a'), type: 'STRING' },
        { name: 'label', data: data as number[], ...(type === undefined ? {} : { type }) },
      ],
    }),
  );

describe('a class means the same in every format', () => {
  const numbered = { names: ['LABEL_0', 'LABEL_1'], ids: [1, 0, 1] };
  const truths = { names: ['false', 'true'], ids: [1, 0, 1] };

  it.each([
    ['JSON integers', 'a.jsonl', jsonLines(['1', '0', '1']), numbered],
    ['JSON floats', 'a.jsonl', jsonLines(['1.0', '0.0', '1.0']), numbered],
    ['JSON digits', 'a.jsonl', jsonLines(['"1"', '"0"', '"1.0"']), numbered],
    ['CSV integers', 'a.csv', csv(['1', '0', '1']), numbered],
    ['CSV floats', 'a.csv', csv(['1.0', '0.0', '1.0']), numbered],
    ['Parquet integers', 'a.parquet', parquet([1, 0, 1], 'INT32'), numbered],
    ['Parquet floats', 'a.parquet', parquet([1, 0, 1], 'FLOAT'), numbered],
    ['Parquet doubles', 'a.parquet', parquet([1, 0, 1], 'DOUBLE'), numbered],
    ['JSON truth values', 'a.jsonl', jsonLines(['true', 'false', 'true']), truths],
    ['JSON truth values as text', 'a.jsonl', jsonLines(['"True"', '"False"', '"True"']), truths],
    ['CSV truth values of pandas', 'a.csv', csv(['True', 'False', 'True']), truths],
    ['Parquet truth values', 'a.parquet', parquet([true, false, true], 'BOOLEAN'), truths],
  ])('%s', async (_, name, content, expected) => {
    expect(await labelsOf(name, content)).toEqual(expected);
  });

  it('tells classes from values', async () => {
    await expect(labelsOf('a.csv', csv(['0.25', '1']))).rejects.toThrow(
      'row 2: label: must be a class name or index, got "0.25"',
    );
    await expect(labelsOf('a.parquet', parquet([0.25, 1], 'DOUBLE'))).rejects.toThrow(
      'row 1: label: must be a class name or index, got 0.25',
    );
  });

  it('has flags for each class in multi-label tasks', async () => {
    const flags = {
      names: ['LABEL_0', 'LABEL_1'],
      ids: [
        [1, 0],
        [0, 0],
      ],
    };
    const task = 'multi-label-classification';
    expect(await labelsOf('a.jsonl', jsonLines(['[true, false]', '[false, false]']), task)).toEqual(flags);
    expect(await labelsOf('a.jsonl', jsonLines(['[1.0, 0.0]', '[0, 0]']), task)).toEqual(flags);
    expect(await labelsOf('a.csv', csv(['"[1.0, 0.0]"', '"[false, false]"']), task)).toEqual(flags);
  });
});
