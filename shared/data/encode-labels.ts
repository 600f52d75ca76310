import { ignoredLabel, isLanguageTask, type TaskKind } from '../task.ts';
import type { ExampleLabels } from './example-labels.ts';
import type { LabelSpace } from './label-space.ts';
import { type MultiLabelForm, multiLabelForm } from './multi-label-form.ts';
import type { RawLabel, Row } from './row.ts';
import { createRowProblems, show } from './row-problems.ts';

const shownClasses = 20;

/**
 * The labels of rows as numbers. For token classification: one class index per word or, for rows of
 * `input_ids`, per token (-100 stays -100); the other tasks as in {@link ExampleLabels}.
 *
 * @param space the classes; null for regression and language tasks, and when no row is labelled
 * @throws RegmeanError `invalid-input` with the rows whose labels are not in the space, and the
 *   known labels
 */
export function encodeLabels(
  rows: readonly Row[],
  task: TaskKind,
  space: LabelSpace | null,
): (ExampleLabels | null)[] {
  const problems = createRowProblems();
  const form = multiLabelForm(rows, space?.names.length ?? null);
  const encoded = rows.map(({ label, source }): ExampleLabels | null => {
    if (label === null || isLanguageTask(task)) return null;
    if (task === 'regression') return { kind: 'value', value: Number(label) };
    if (space === null) throw new TypeError(`encodeLabels: ${task} needs a label space`);
    const result = encodeLabel(label, task, space, form);
    if (typeof result === 'string') problems.add(source, result);
    return typeof result === 'string' ? null : result;
  });
  problems.throwIfAny(space === null ? undefined : `known labels: ${knownLabels(space)}`);
  return encoded;
}

function encodeLabel(
  label: Exclude<RawLabel, null>,
  task: TaskKind,
  space: LabelSpace,
  form: MultiLabelForm,
): ExampleLabels | string {
  if (typeof label === 'string' || typeof label === 'number') {
    const id = space.idOf(label);
    return id === null ? unknown(label) : { kind: 'class', id };
  }
  if (task === 'token-classification') {
    const ids = new Int32Array(label.length);
    for (const [position, tag] of label.entries()) {
      const id = Number(tag) === ignoredLabel ? ignoredLabel : space.idOf(tag);
      if (id === null) return unknown(tag);
      ids[position] = id;
    }
    return { kind: 'tags', ids };
  }
  if (form.kind === 'vectors') return { kind: 'flags', flags: Float32Array.from(label, Number) };
  const flags = new Float32Array(space.names.length);
  for (const name of label) {
    const id = space.idOf(name);
    if (id === null) return unknown(name);
    if (flags[id] === 1) {
      return `label ${show(name)} stands twice (0/1 vectors must have ${flags.length} values in every row)`;
    }
    flags[id] = 1;
  }
  return { kind: 'flags', flags };
}

function unknown(label: string | number): string {
  return `label ${show(label)} is not one of the known labels`;
}

function knownLabels({ names }: LabelSpace): string {
  const rest = names.length > shownClasses ? `, ... (${names.length} in all)` : '';
  return names.slice(0, shownClasses).map(show).join(', ') + rest;
}
