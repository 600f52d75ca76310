import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { RegmeanError } from '../errors.ts';
import { sha256OfFile } from '../files/checksum.ts';
import type { TaskKind } from '../task.ts';
import {
  checkColumnNames,
  chooseColumns,
  columnHint,
  inputColumnsIn,
  type RowPurpose,
} from './choose-columns.ts';
import { columnsOfFile, type DataColumns } from './column-names.ts';
import { isKnownColumn, natureOfColumn } from './known-columns.ts';
import { watchForText } from './overlooked-text.ts';
import { readConll } from './read-conll.ts';
import { readCsv, readTsv } from './read-csv.ts';
import { readJsonLines } from './read-json-lines.ts';
import { readParquet } from './read-parquet.ts';
import { readTextLines } from './read-text-lines.ts';
import type { FormatReader, ReaderContext, Row } from './row.ts';
import { createRowProblems } from './row-problems.ts';
import { rowMaker } from './to-row.ts';

/**
 * Reads data files into rows, in the order of the files and of the rows in them.
 *
 * The format follows the extension: `.jsonl` and `.json` (one object a line), `.csv`, `.tsv`,
 * `.conll`, `.parquet`; `.txt` is CoNLL for token classification and one text a line for masked
 * language modelling.
 *
 * @param files paths, at least one
 * @param purpose the task, and whether every row must have a label
 * @param columns what the columns are called, where the usual names do not say it
 * @throws RegmeanError `not-found`; `unsupported` extension; `usage` for a column name that the
 *   task has no use for; `invalid-input` for a file without rows, a missing column, a column of
 *   text that nothing reads, or bad rows (the first ten with file and line, and the count)
 */
export async function readRows(
  files: readonly string[],
  purpose: RowPurpose,
  columns?: DataColumns,
): Promise<readonly Row[]> {
  return (await readData(files, purpose, columns)).rows;
}

/** Rows, and the files that they are from. */
export interface ReadData {
  readonly rows: readonly Row[];
  /** SHA-256 of each file, taken while it was read where its format is read from start to end. */
  digests(): Promise<readonly string[]>;
}

/** Reads data files as `readRows` does. */
export async function readData(
  files: readonly string[],
  purpose: RowPurpose,
  columns: DataColumns = {},
): Promise<ReadData> {
  if (files.length === 0) throw new RegmeanError('usage', 'data: needs at least one file, got none');
  const rows: Row[] = [];
  const digests: (() => Promise<string>)[] = [];
  const problems = createRowProblems();
  let hint: string | undefined;
  for (const file of files) {
    const read = readerOf(file, purpose.task);
    const digest = createDigest(file, await sizeOfFile(file));
    digests.push(digest.value);
    const names = columnsOfFile(columns, file);
    checkColumnNames(names, purpose.task);
    const before = rows.length + problems.count;
    const toRow = rowMaker(file, purpose, names);
    const texts = watchForText(file, names);
    const context: ReaderContext = {
      onBytes: digest.add,
      reject: (row, problem) => problems.add({ file, row }, problem),
      checkColumns: (present) => {
        const chosen = chooseColumns(present, purpose, names);
        if (typeof chosen !== 'string') return null;
        return new RegmeanError('invalid-input', `${file}: ${chosen}`, { hint: columnHint(purpose.task) });
      },
      neededColumns: (present) => {
        const chosen = chooseColumns(present, purpose, names);
        if (typeof chosen === 'string') return [];
        const label = purpose.labelled && chosen.label !== null ? [chosen.label] : [];
        return [...inputColumnsIn(chosen.input), ...label].filter((name) => present.includes(name));
      },
      isOfUse: (column, isText) =>
        isKnownColumn(column) ||
        Object.values(names).includes(column) ||
        (isText && natureOfColumn(column) !== 'about'),
    };
    for await (const record of read(file, context)) {
      const result = toRow(record);
      if ('problem' in result) {
        problems.add({ file, row: record.row }, result.problem);
        if (result.isColumn) hint ??= columnHint(purpose.task);
      } else {
        texts.add(record, result.columns);
        rows.push(result.row);
      }
    }
    if (rows.length + problems.count === before) {
      throw new RegmeanError('invalid-input', `${file}: must hold at least one row, got none`);
    }
    const overlooked = texts.overlooked();
    if (overlooked !== null) throw overlooked;
  }
  problems.throwIfAny(hint);
  return { rows, digests: () => Promise.all(digests.map((value) => value())) };
}

function readerOf(file: string, task: TaskKind): FormatReader {
  const extension = extname(file).toLowerCase();
  switch (extension) {
    case '.jsonl':
    case '.json':
      return readJsonLines;
    case '.csv':
      return readCsv;
    case '.tsv':
      return readTsv;
    case '.parquet':
      return readParquet;
    case '.conll':
      return readConll;
    case '.txt':
      if (task === 'token-classification') return readConll;
      if (task === 'masked-lm' || task === 'causal-lm') return readTextLines;
  }
  throw new RegmeanError('unsupported', `${file}: ${task} data cannot be read from "${extension}" files`, {
    hint: 'use .jsonl, .csv, .tsv, .parquet or, for token classification, .conll',
  });
}

/** The SHA-256 of the bytes that a reader goes through; of a file that it jumps in, its own. */
function createDigest(
  file: string,
  size: number,
): { add(bytes: Uint8Array): void; value(): Promise<string> } {
  const hash = createHash('sha256');
  let seen = 0;
  return {
    add(bytes) {
      hash.update(bytes);
      seen += bytes.length;
    },
    value: async () => (seen === size ? hash.copy().digest('hex') : sha256OfFile(file)),
  };
}

async function sizeOfFile(file: string): Promise<number> {
  const status = await stat(file).catch((cause: unknown) => {
    throw new RegmeanError('not-found', `${file}: no such file`, { cause });
  });
  if (!status.isFile()) throw new RegmeanError('invalid-input', `${file}: must be a file, got a folder`);
  if (status.size === 0) {
    throw new RegmeanError('invalid-input', `${file}: must hold at least one row, got an empty file`);
  }
  return status.size;
}
