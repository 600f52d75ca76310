import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { RegmeanError } from '../errors.ts';
import type { TaskKind } from '../task.ts';
import { readConll } from './read-conll.ts';
import { readCsv, readTsv } from './read-csv.ts';
import { readJsonLines } from './read-json-lines.ts';
import { readParquet } from './read-parquet.ts';
import { readTextLines } from './read-text-lines.ts';
import type { FormatReader, ReaderContext, Row } from './row.ts';
import { createRowProblems } from './row-problems.ts';
import { missingColumn, type RowPurpose, toRow } from './to-row.ts';

/**
 * Reads data files into rows, in the order of the files and of the rows in them.
 *
 * The format follows the extension: `.jsonl` and `.json` (one object a line), `.csv`, `.tsv`,
 * `.conll`, `.parquet`; `.txt` is CoNLL for token classification and one text a line for masked
 * language modelling.
 *
 * @param files paths, at least one
 * @param purpose the task, and whether every row must have a label
 * @throws RegmeanError `not-found`; `unsupported` extension; `invalid-input` for a file without
 *   rows, a missing column, or bad rows (the first ten with file and line, and the count)
 */
export async function readRows(files: readonly string[], purpose: RowPurpose): Promise<Row[]> {
  if (files.length === 0) throw new RegmeanError('usage', 'data: needs at least one file, got none');
  const rows: Row[] = [];
  const problems = createRowProblems();
  for (const file of files) {
    const read = readerOf(file, purpose.task);
    await checkFile(file);
    const before = rows.length + problems.count;
    const context: ReaderContext = {
      reject: (row, problem) => problems.add({ file, row }, problem),
      checkColumns: (columns) => {
        const problem = missingColumn(columns, purpose);
        return problem === null ? null : new RegmeanError('invalid-input', `${file}: ${problem}`);
      },
    };
    for await (const record of read(file, context)) {
      const row = toRow(file, record, purpose);
      if (typeof row === 'string') problems.add({ file, row: record.row }, row);
      else rows.push(row);
    }
    if (rows.length + problems.count === before) {
      throw new RegmeanError('invalid-input', `${file}: must hold at least one row, got none`);
    }
  }
  problems.throwIfAny();
  return rows;
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

async function checkFile(file: string): Promise<void> {
  const status = await stat(file).catch((cause: unknown) => {
    throw new RegmeanError('not-found', `${file}: no such file`, { cause });
  });
  if (!status.isFile()) throw new RegmeanError('invalid-input', `${file}: must be a file, got a folder`);
  if (status.size === 0) {
    throw new RegmeanError('invalid-input', `${file}: must hold at least one row, got an empty file`);
  }
}
