/**
 * @file From a record of any format to a checked row. Column names are those of Hugging Face's
 *   datasets; the first one present wins. In CSV a list is written as a JSON array.
 */
import { ignoredLabel, type TaskKind } from '../task.ts';
import type { FileRecord, RawLabel, Row, RowInput } from './row.ts';
import { show } from './row-problems.ts';

const textColumns = ['text', 'sentence', 'sentence1'];
const featuresColumn = 'features';
const pairColumns = ['text_pair', 'sentence2'];
const labelColumns: Readonly<Record<TaskKind, readonly string[]>> = {
  'text-classification': ['label', 'labels'],
  'multi-label-classification': ['labels', 'label'],
  regression: ['label', 'labels'],
  'token-classification': ['tags', 'ner_tags', 'labels'],
  text2text: ['target', 'label', 'labels'],
  'causal-lm': ['labels'],
  'masked-lm': [],
};

/** What rows are read for. */
export interface RowPurpose {
  readonly task: TaskKind;
  /** Whether every row must carry a label; otherwise label columns are not looked at. */
  readonly labelled: boolean;
  /**
   * What is read of a row: its text or tokens (the default), its `features`, or whichever is there.
   */
  readonly reads?: 'text' | 'features' | 'any';
}

/** Why a record with `columns` cannot serve the purpose, or null. */
export function missingColumn(
  columns: readonly string[],
  { task, labelled, reads = 'text' }: RowPurpose,
): string | null {
  const inputs = [
    ...(reads === 'features'
      ? []
      : [...(task === 'token-classification' ? ['tokens'] : textColumns), 'input_ids']),
    ...(reads === 'text' ? [] : [featuresColumn]),
  ];
  const labels = labelColumns[task];
  const needs = [inputs, ...(labelled && labels.length > 0 && task !== 'causal-lm' ? [labels] : [])];
  for (const names of needs) {
    if (firstPresent(columns, names) === null)
      return `needs a column ${anyOf(names)}, got ${listed(columns)}`;
  }
  return null;
}

/** The row of a record, or a sentence that says what is wrong with it. */
export function toRow(file: string, { row, values }: FileRecord, purpose: RowPurpose): Row | string {
  try {
    const columns = Object.keys(values).filter((name) => values[name] !== null && values[name] !== undefined);
    const missing = missingColumn(columns, purpose);
    if (missing !== null) return missing;
    const input = inputOf(values, columns, purpose);
    const wanted = purpose.labelled || isGivenTarget(input, purpose.task);
    const label = wanted ? labelOf(values, columns, purpose.task, input) : null;
    return { source: { file, row }, input, label };
  } catch (error) {
    if (error instanceof BadValue) return error.message;
    throw error;
  }
}

/** Whether a row brings its target's tokens: then logits can be computed without generating any. */
function isGivenTarget({ kind }: RowInput, task: TaskKind): boolean {
  return kind === 'ids' && task === 'text2text';
}

class BadValue extends Error {}

type Values = FileRecord['values'];

function inputOf(values: Values, columns: readonly string[], { task, reads }: RowPurpose): RowInput {
  const isText = missingColumn(columns, { task, labelled: false }) === null;
  if (reads === 'features' || !isText) return featuresOf(values);
  if (columns.includes('input_ids')) {
    const inputIds = integers(values, 'input_ids', 0);
    if (inputIds.length === 0) throw new BadValue('input_ids: must not be empty');
    const sameLength = (column: string): number[] | null => {
      if (!columns.includes(column)) return null;
      const list = integers(values, column, 0);
      if (list.length !== inputIds.length) throw new BadValue(lengths(column, list, 'input_ids', inputIds));
      return list;
    };
    const attentionMask = sameLength('attention_mask');
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
  if (task === 'token-classification') {
    const words = list(values, 'tokens');
    if (!words.every((word) => typeof word === 'string'))
      throw new BadValue('tokens: must be a list of strings');
    if (words.length === 0) throw new BadValue('tokens: must not be empty');
    return { kind: 'words', words };
  }
  const pairColumn = firstPresent(columns, pairColumns);
  return {
    kind: 'text',
    text: string(values, firstPresent(columns, textColumns) ?? 'text'),
    textPair: pairColumn === null ? null : string(values, pairColumn),
  };
}

function featuresOf(values: Values): RowInput {
  const features = list(values, featuresColumn);
  const bad = features.find((value) => typeof value !== 'number' || !Number.isFinite(value));
  if (bad !== undefined) throw new BadValue(`${featuresColumn}: must hold finite numbers, got ${show(bad)}`);
  return { kind: 'features', features: features as number[] };
}

function labelOf(values: Values, columns: readonly string[], task: TaskKind, input: RowInput): RawLabel {
  const column = firstPresent(columns, labelColumns[task]);
  if (column === null) return null;
  const value = values[column];
  switch (task) {
    case 'text-classification': {
      if (Number.isSafeInteger(value) || (typeof value === 'string' && value !== ''))
        return value as RawLabel;
      throw new BadValue(`${column}: must be a class name or index, got ${show(value)}`);
    }
    case 'regression': {
      const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
      if (typeof number === 'number' && Number.isFinite(number)) return number;
      throw new BadValue(`${column}: must be a finite number, got ${show(value)}`);
    }
    case 'multi-label-classification': {
      if (Number.isSafeInteger(value)) return [value as number];
      if (value === '') return [];
      const isName = typeof value === 'string' && !value.startsWith('[');
      return isName ? [value] : namesOrIntegers(values, column);
    }
    case 'token-classification': {
      const tags = namesOrIntegers(values, column);
      const [name, items] = input.kind === 'ids' ? ['input_ids', input.inputIds] : ['tokens', wordsOf(input)];
      if (tags.length !== items.length) throw new BadValue(lengths(column, tags, name, items));
      return tags;
    }
    case 'text2text': {
      if (typeof value === 'string' || typeof value === 'number') return String(value);
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

function wordsOf(input: RowInput): readonly string[] {
  return input.kind === 'words' ? input.words : [];
}

function string(values: Values, column: string): string {
  const value = values[column];
  if (typeof value !== 'string') throw new BadValue(`${column}: must be a string, got ${show(value)}`);
  return value;
}

function list(values: Values, column: string): readonly unknown[] {
  const value = values[column];
  const parsed = typeof value === 'string' && value.startsWith('[') ? parseJson(value) : value;
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

function namesOrIntegers(values: Values, column: string): (string | number)[] {
  const items = list(values, column);
  const bad = items.findIndex(
    (item) => !Number.isSafeInteger(item) && (typeof item !== 'string' || item === ''),
  );
  if (bad >= 0) throw new BadValue(`${column}: must hold class names or integers, got ${show(items[bad])}`);
  return items as (string | number)[];
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function firstPresent(columns: readonly string[], names: readonly string[]): string | null {
  return names.find((name) => columns.includes(name)) ?? null;
}

function lengths(
  column: string,
  items: readonly unknown[],
  other: string,
  others: readonly unknown[],
): string {
  return `${column}: must be as many as ${other} (${others.length}), got ${items.length}`;
}

function anyOf(names: readonly string[]): string {
  const quoted = names.map((name) => `"${name}"`);
  return quoted.length === 1 ? (quoted[0] ?? '') : `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`;
}

function listed(columns: readonly string[]): string {
  return columns.length === 0 ? 'none' : columns.map((name) => `"${name}"`).join(', ');
}
