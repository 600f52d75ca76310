/**
 * @file From a record of any format to a checked row. Column names are those of Hugging Face's
 *   datasets; the first one present wins. In CSV a list is written as a JSON array.
 */
import { parseJson } from '../files/json-text.ts';
import { ignoredLabel, type TaskKind } from '../task.ts';
import { type ChosenColumns, chooseColumns, type RowPurpose } from './choose-columns.ts';
import { classLabelOf } from './class-label.ts';
import type { ColumnNames } from './column-names.ts';
import { featuresColumn } from './known-columns.ts';
import type { FileRecord, RawLabel, Row, RowInput } from './row.ts';
import { show } from './row-problems.ts';

/** A row, and the columns that it was read from. */
export interface ReadRow {
  readonly row: Row;
  readonly columns: ChosenColumns;
}

/** What is wrong with a record. */
export interface RowProblem {
  readonly problem: string;
  /** Whether a column is missing, which the user may have to name. */
  readonly isColumn: boolean;
}

/** Makes rows of the records of one file. */
export function rowMaker(
  file: string,
  purpose: RowPurpose,
  names: ColumnNames,
): (record: FileRecord) => ReadRow | RowProblem {
  // Records of a file mostly have the same columns.
  const chosen = new Map<string, ChosenColumns | string>();
  return ({ row, values }) => {
    const present = Object.keys(values).filter((name) => values[name] !== null && values[name] !== undefined);
    const key = JSON.stringify(present);
    const columns = chosen.get(key) ?? chooseColumns(present, purpose, names);
    chosen.set(key, columns);
    if (typeof columns === 'string') return { problem: columns, isColumn: true };
    try {
      const input = inputOf(values, present, columns, purpose.task);
      const wanted = purpose.labelled || isGivenTarget(input, purpose.task);
      const label = wanted ? labelOf(values, columns.label, purpose.task, input) : null;
      return { row: { source: { file, row }, input, label }, columns };
    } catch (error) {
      if (error instanceof BadValue) return { problem: error.message, isColumn: false };
      throw error;
    }
  };
}

/** Whether a row brings its target's tokens: then logits can be computed without generating any. */
function isGivenTarget({ kind }: RowInput, task: TaskKind): boolean {
  return kind === 'ids' && task === 'text2text';
}

class BadValue extends Error {}

type Values = FileRecord['values'];

function inputOf(
  values: Values,
  present: readonly string[],
  { input }: ChosenColumns,
  task: TaskKind,
): RowInput {
  switch (input.kind) {
    case 'features':
      return featuresOf(values);
    case 'ids':
      return idsOf(values, present, task);
    case 'words':
      return wordsOf(values, input.tokens);
    case 'text': {
      const textPair = input.pair === null ? null : string(values, input.pair);
      return { kind: 'text', text: string(values, input.text), textPair };
    }
  }
}

function wordsOf(values: Values, column: string): RowInput {
  const words = list(values, column);
  if (!words.every((word) => typeof word === 'string'))
    throw new BadValue(`${column}: must be a list of strings`);
  if (words.length === 0) throw new BadValue(`${column}: must not be empty`);
  return { kind: 'words', words };
}

function idsOf(values: Values, columns: readonly string[], task: TaskKind): RowInput {
  const inputIds = integers(values, 'input_ids', 0);
  if (inputIds.length === 0) throw new BadValue('input_ids: must not be empty');
  const sameLength = (column: string, from: Values = values): number[] | null => {
    if (!columns.includes(column)) return null;
    const list = integers(from, column, 0);
    if (list.length !== inputIds.length) throw new BadValue(lengths(column, list, 'input_ids', inputIds));
    return list;
  };
  const attentionMask = sameLength('attention_mask', truthsAsNumbers(values, 'attention_mask'));
  if (attentionMask?.some((flag) => flag > 1)) throw new BadValue('attention_mask: must hold 0 and 1 only');
  if (attentionMask?.every((flag) => flag === 0)) {
    throw new BadValue('attention_mask: must let at least one token through');
  }
  const decoderInputIds =
    task === 'text2text' && columns.includes('decoder_input_ids')
      ? integers(values, 'decoder_input_ids', 0)
      : null;
  if (decoderInputIds?.length === 0) throw new BadValue('decoder_input_ids: must not be empty');
  const tokenTypeIds = sameLength('token_type_ids');
  const decoder = decoderInputIds === null ? {} : { decoderInputIds };
  return { kind: 'ids', inputIds, tokenTypeIds, attentionMask, ...decoder };
}

function featuresOf(values: Values): RowInput {
  const features = list(values, featuresColumn);
  const bad = features.find((value) => !isFloat32(value));
  if (bad !== undefined) throw new BadValue(`${featuresColumn}: must hold finite numbers, got ${show(bad)}`);
  return { kind: 'features', features: features as number[] };
}

function labelOf(values: Values, column: string | null, task: TaskKind, input: RowInput): RawLabel {
  if (column === null) return null;
  const value = values[column];
  switch (task) {
    case 'text-classification': {
      const label = classLabelOf(value);
      if (label !== null) return label;
      const kind = Array.isArray(value) ? ', lists are for multi-label-classification' : '';
      throw new BadValue(`${column}: must be a class name or index, got ${show(value)}${kind}`);
    }
    case 'regression': {
      const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
      if (isFloat32(number)) return number;
      throw new BadValue(`${column}: must be a finite number, got ${show(value)}`);
    }
    case 'multi-label-classification': {
      if (value === '') return [];
      const isList = Array.isArray(value) || (typeof value === 'string' && value.startsWith('['));
      const label = isList ? null : classLabelOf(value);
      return label === null ? classesOrFlags(values, column) : [label];
    }
    case 'token-classification': {
      const tags = classLabels(values, column);
      const [name, items] = input.kind === 'ids' ? ['input_ids', input.inputIds] : ['tokens', wordsIn(input)];
      if (tags.length !== items.length) throw new BadValue(lengths(column, tags, name, items));
      return tags;
    }
    case 'text2text': {
      if (['string', 'number', 'boolean'].includes(typeof value)) return String(value);
      const tokens = integers(values, column, ignoredLabel);
      const given = input.kind === 'ids' ? input.decoderInputIds : undefined;
      if (given !== undefined && given.length !== tokens.length) {
        throw new BadValue(lengths(column, tokens, 'decoder_input_ids', given));
      }
      return tokens;
    }
    case 'causal-lm': {
      if (input.kind !== 'ids') return null;
      const tokens = integers(values, column, ignoredLabel);
      if (tokens.length !== input.inputIds.length) {
        throw new BadValue(lengths(column, tokens, 'input_ids', input.inputIds));
      }
      return tokens;
    }
    case 'masked-lm':
      return null;
  }
}

/** Whether a value is a number that stays finite as what is computed with. */
function isFloat32(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(Math.fround(value));
}

function wordsIn(input: RowInput): readonly string[] {
  return input.kind === 'words' ? input.words : [];
}

function string(values: Values, column: string): string {
  const value = values[column];
  if (typeof value !== 'string') throw new BadValue(`${column}: must be a string, got ${show(value)}`);
  return value;
}

function list(values: Values, column: string): readonly unknown[] {
  const value = values[column];
  const parsed = typeof value === 'string' && value.startsWith('[') ? jsonOrNull(value) : value;
  if (!Array.isArray(parsed)) {
    throw new BadValue(`${column}: must be a list (in CSV: a JSON array), got ${show(value)}`);
  }
  return parsed;
}

function integers(values: Values, column: string, least: number): number[] {
  const items = list(values, column);
  const bad = items.find((item) => !Number.isSafeInteger(item) || (item as number) < least);
  if (bad !== undefined)
    throw new BadValue(`${column}: must hold integers from ${least} up, got ${show(bad)}`);
  return items as number[];
}

/** The values with a list of truth values as 1 and 0, as masks are written too. */
function truthsAsNumbers(values: Values, column: string): Values {
  const given = values[column];
  if (!Array.isArray(given)) return values;
  return { ...values, [column]: given.map((item) => (typeof item === 'boolean' ? Number(item) : item)) };
}

function classLabels(values: Values, column: string): (string | number)[] {
  return list(values, column).map((item) => {
    const label = classLabelOf(item);
    if (label === null) throw new BadValue(`${column}: must hold class names or integers, got ${show(item)}`);
    return label;
  });
}

/** Classes of a row; truth values say of each class whether it applies. */
function classesOrFlags(values: Values, column: string): (string | number)[] {
  const items = list(values, column);
  const areFlags = items.length > 0 && items.every((item) => typeof item === 'boolean');
  return areFlags ? items.map(Number) : classLabels(values, column);
}

function jsonOrNull(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return null;
  }
}

function lengths(
  column: string,
  items: readonly unknown[],
  other: string,
  others: readonly unknown[],
): string {
  return `${column}: must be as many as ${other} (${others.length}), got ${items.length}`;
}
