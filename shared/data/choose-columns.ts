import { RegmeanError } from '../errors.ts';
import type { TaskKind } from '../task.ts';
import { type ColumnNames, columnFlag, columnKeys, type DataColumns } from './column-names.ts';
import {
  featuresColumn,
  idColumns,
  labelColumns,
  pairColumnsOf,
  textColumns,
  tokensColumn,
} from './known-columns.ts';

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

/** The columns that a row is read from. */
export interface ChosenColumns {
  readonly input:
    | { readonly kind: 'text'; readonly text: string; readonly pair: string | null }
    | { readonly kind: 'words'; readonly tokens: string }
    | { readonly kind: 'ids' }
    | { readonly kind: 'features' };
  /** Null where there is none; rows need one only where the purpose says so. */
  readonly label: string | null;
}

/** The columns of what a model reads of a row. */
export function inputColumnsIn(input: ChosenColumns['input']): readonly string[] {
  switch (input.kind) {
    case 'text':
      return [input.text, ...(input.pair === null ? [] : [input.pair])];
    case 'words':
      return [input.tokens];
    case 'ids':
      return idColumns;
    case 'features':
      return [featuresColumn];
  }
}

/** The flags that name columns for a task. */
export function columnKeysOf(task: TaskKind): readonly (keyof ColumnNames)[] {
  if (task === 'token-classification') return ['tokensColumn', 'tagsColumn'];
  return task === 'masked-lm' ? ['textColumn', 'pairColumn'] : ['textColumn', 'pairColumn', 'labelColumn'];
}

/** The names that a task has a use for. */
export function columnsForTask<T extends DataColumns>(names: T, task: TaskKind): T {
  const useful = columnKeysOf(task);
  const others = columnKeys.filter((key) => !useful.includes(key));
  return Object.fromEntries(Object.entries(names).filter(([key]) => !others.some((own) => own === key))) as T;
}

/**
 * Checks that the task has a use for every column that is named, and that no two have one name.
 *
 * @throws RegmeanError `usage`
 */
export function checkColumnNames(names: ColumnNames, task: TaskKind): void {
  const given = columnKeys.filter((key) => names[key] !== undefined);
  const useless = given.find((key) => !columnKeysOf(task).includes(key));
  if (useless !== undefined) {
    const useful = columnKeysOf(task).map(columnFlag).join(', ');
    throw new RegmeanError('usage', `${columnFlag(useless)}: ${task} has no such column`, {
      hint: `it has ${useful}`,
    });
  }
  const twice = given.find((key, index) => given.findIndex((other) => names[other] === names[key]) < index);
  if (twice !== undefined) {
    throw new RegmeanError(
      'usage',
      `${columnFlag(twice)}: must be a column of its own, got "${names[twice]}" twice`,
    );
  }
}

/** What to do about a missing column. */
export function columnHint(task: TaskKind): string {
  return `say which column it is with ${columnKeysOf(task).map(columnFlag).join(', ')}`;
}

/**
 * The columns that serve the purpose: those that are named, else the known ones that are there.
 *
 * @param columns those with a value
 * @returns a sentence where one is missing
 */
export function chooseColumns(
  columns: readonly string[],
  purpose: RowPurpose,
  names: ColumnNames,
): ChosenColumns | string {
  const { task, labelled } = purpose;
  const label = labelColumnOf(columns, task, names);
  const input = inputColumnsOf(columns, purpose, names, label);
  if (typeof input === 'string') return input;
  const isNeeded = labelled && !['causal-lm', 'masked-lm'].includes(task);
  if (label === null && isNeeded) {
    const named = labelNameOf(task, names);
    return missing(named === undefined ? labelColumns[task] : [named], columns);
  }
  return { input, label };
}

function labelNameOf(task: TaskKind, { labelColumn, tagsColumn }: ColumnNames): string | undefined {
  return task === 'token-classification' ? tagsColumn : labelColumn;
}

function labelColumnOf(columns: readonly string[], task: TaskKind, names: ColumnNames): string | null {
  const named = labelNameOf(task, names);
  const candidates = named === undefined ? labelColumns[task] : [named];
  return candidates.find((name) => columns.includes(name)) ?? null;
}

function inputColumnsOf(
  columns: readonly string[],
  { task, reads = 'text' }: RowPurpose,
  names: ColumnNames,
  label: string | null,
): ChosenColumns['input'] | string {
  const hasFeatures = columns.includes(featuresColumn);
  if (reads === 'features') return hasFeatures ? { kind: 'features' } : missing([featuresColumn], columns);
  const isNamed =
    names.textColumn !== undefined || names.pairColumn !== undefined || names.tokensColumn !== undefined;
  if (!isNamed && columns.includes('input_ids')) return { kind: 'ids' };
  const found =
    task === 'token-classification'
      ? wordsColumnOf(columns, names)
      : textColumnsOf(columns, task, names, label);
  if (typeof found !== 'string' || reads === 'text' || !hasFeatures) return found;
  return { kind: 'features' };
}

function wordsColumnOf(
  columns: readonly string[],
  { tokensColumn: named }: ColumnNames,
): ChosenColumns['input'] | string {
  const tokens = named ?? tokensColumn;
  if (columns.includes(tokens)) return { kind: 'words', tokens };
  return missing(named === undefined ? [tokens, 'input_ids'] : [named], columns);
}

function textColumnsOf(
  columns: readonly string[],
  task: TaskKind,
  { textColumn, pairColumn }: ColumnNames,
  label: string | null,
): ChosenColumns['input'] | string {
  for (const named of [textColumn, pairColumn]) {
    if (named !== undefined && !columns.includes(named)) return missing([named], columns);
  }
  if (textColumn !== undefined) return { kind: 'text', text: textColumn, pair: pairColumn ?? null };
  const has = (name: string): boolean => columns.includes(name) && name !== label && name !== pairColumn;
  const single = textColumns.find(has);
  if (pairColumn !== undefined) {
    return single === undefined
      ? `a first text beside "${pairColumn}": ${missing(textColumns, columns)}`
      : { kind: 'text', text: single, pair: pairColumn };
  }
  const pair = pairColumnsOf(task).find((both) => both.every(has));
  if (pair !== undefined) return { kind: 'text', text: pair[0], pair: pair[1] };
  return single === undefined
    ? missing([...textColumns, 'input_ids'], columns)
    : { kind: 'text', text: single, pair: null };
}

function missing(names: readonly string[], columns: readonly string[]): string {
  return `needs a column ${anyOf(names)}, got ${allNames(columns)}`;
}

function anyOf(names: readonly string[]): string {
  const all = names.map(quoted);
  return all.length === 1 ? (all[0] ?? '') : `${all.slice(0, -1).join(', ')} or ${all.at(-1)}`;
}

function allNames(columns: readonly string[]): string {
  return columns.length === 0 ? 'none' : columns.map(quoted).join(', ');
}

function quoted(name: string): string {
  return `"${name}"`;
}
