import { RegmeanError } from '../errors.ts';
import { ignoredLabel, isLanguageTask, type TaskKind } from '../task.ts';
import { integerOf, truthOf } from './class-label.ts';
import { multiLabelForm } from './multi-label-form.ts';
import type { Row } from './row.ts';

/** The classes of a task: names in the order of the head's outputs. */
export interface LabelSpace {
  readonly names: readonly string[];
  /** The class index of a label, or null if it is none of the classes. */
  idOf(label: string | number): number | null;
}

/**
 * The classes with the given names.
 *
 * `idOf` looks a label up by name first, `1.0` as `1` and `True` as `true`. What is no name but an
 * integer (a number, or its digits as CSV has them) is an index, unless some names are themselves
 * integers: then a number that is no name is unknown. Of two classes with other names, false is the
 * first and true the second.
 *
 * @throws RegmeanError `invalid-input` for no names, an empty name or a name that stands twice
 */
export function createLabelSpace(names: readonly string[]): LabelSpace {
  const ids = new Map(names.map((name, id) => [name, id]));
  if (names.length === 0)
    throw new RegmeanError('invalid-input', 'labels: needs at least one class, got none');
  if (ids.has('')) throw new RegmeanError('invalid-input', 'labels: names must not be empty');
  if (ids.size !== names.length) {
    const repeated = names.find((name, id) => ids.get(name) !== id);
    throw new RegmeanError('invalid-input', `labels: names must differ, got "${repeated}" twice`);
  }
  const byNumber = new Map(
    names.flatMap((name, id) => {
      const number = integerOf(name);
      return number === null ? [] : [[number, id] as const];
    }),
  );
  const byTruth = new Map(names.map((name, id) => [truthOf(name), id]));
  const idOfNumber = (number: number): number | null => {
    if (byNumber.size > 0) return byNumber.get(number) ?? null;
    return number >= 0 && number < names.length ? number : null;
  };
  return {
    names,
    idOf(label) {
      const named = ids.get(String(label));
      if (named !== undefined) return named;
      const number = integerOf(label);
      if (number !== null) return idOfNumber(number);
      const truth = truthOf(label);
      if (truth === null) return null;
      const same = byTruth.get(truth);
      return same ?? (names.length === 2 ? idOfNumber(Number(truth)) : null);
    },
  };
}

/**
 * The classes that occur in rows, in an order that depends on nothing else: names sorted by UTF-16
 * code units. Where all labels are integers (or digits) they are indices and the names `LABEL_0`,
 * `LABEL_1`, ... up to the largest, as Hugging Face names classes nobody named. Where all are truth
 * values the classes are `false` and `true`. Multi-label rows of 0/1 vectors give as many classes
 * as the vectors are long.
 *
 * @returns null for tasks without classes (regression, language tasks)
 * @throws RegmeanError `invalid-input` for labels that are partly names, partly integers, or none
 *   at all
 */
export function collectLabels(rows: readonly Row[], task: TaskKind): LabelSpace | null {
  if (task === 'regression' || isLanguageTask(task)) return null;
  if (task === 'multi-label-classification') {
    const form = multiLabelForm(rows, null);
    if (form.kind === 'vectors') return createLabelSpace(unnamed(form.size));
  }
  const labels = new Map<string | number, Row>();
  for (const row of rows) {
    const own = Array.isArray(row.label) ? (row.label as readonly (string | number)[]) : [row.label];
    for (const label of own) {
      if (label !== null && !labels.has(label as string | number)) labels.set(label as string | number, row);
    }
  }
  if (task === 'token-classification') {
    labels.delete(ignoredLabel);
    labels.delete(String(ignoredLabel));
  }
  if (labels.size === 0) throw new RegmeanError('invalid-input', 'labels: rows must have labels, got none');
  if ([...labels.keys()].every((label) => truthOf(label) !== null)) return createLabelSpace(truthNames);
  const named = [...labels].filter(([label]) => integerOf(label) === null);
  if (named.length === 0) return createLabelSpace(unnamed(largestIndex(labels) + 1));
  if (named.length < labels.size) {
    const [label, row] = [...labels].find(([candidate]) => integerOf(candidate) !== null) ?? [];
    throw new RegmeanError(
      'invalid-input',
      `${row?.source.file}, row ${row?.source.row}: labels must be all names or all integers, got ${label} ` +
        `beside "${named[0]?.[0]}"`,
    );
  }
  return createLabelSpace(named.map(([label]) => String(label)).sort());
}

const truthNames = ['false', 'true'];

const largestClassCount = 100_000;

function largestIndex(labels: ReadonlyMap<string | number, Row>): number {
  let largest = 0;
  for (const [label, { source }] of labels) {
    const index = Number(label);
    if (index < 0 || index >= largestClassCount) {
      const where = `${source.file}, row ${source.row}`;
      throw new RegmeanError(
        'invalid-input',
        `${where}: a class index must be from 0 to ${largestClassCount - 1}, got ${label}`,
      );
    }
    largest = Math.max(largest, index);
  }
  return largest;
}

function unnamed(count: number): string[] {
  return Array.from({ length: count }, (_, id) => `LABEL_${id}`);
}
