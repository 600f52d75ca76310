import { createLabelSpace } from '../data/label-space.ts';
import type { Row } from '../data/row.ts';
import { RegmeanError } from '../errors.ts';
import { classesOfRows, type ExampleReader } from './load-examples.ts';

/**
 * The classes that a model's data may be labelled with: the model's, in their order, and those that
 * the data has besides. Data with class indices has the model's.
 *
 * @param who the model, for the message
 * @throws RegmeanError `invalid-input` when the model knows no class of the data
 */
export function classesOfData(
  rows: readonly Row[],
  { task, classes }: Pick<ExampleReader, 'task' | 'classes'>,
  who: string,
): readonly string[] {
  if (task === 'regression') return classes;
  const inData = classesOfRows(rows, task);
  if (inData.every((name) => /^LABEL_\d+$/.test(name))) return classes;
  const { idOf } = createLabelSpace(classes);
  const unknown = inData.filter((name) => idOf(name) === null);
  if (unknown.length < inData.length) return [...classes, ...unknown];
  const files = [...new Set(rows.map(({ source }) => source.file))];
  throw new RegmeanError(
    'invalid-input',
    `${who}: must know a class of ${files.join(', ')}, which has ${inData.join(', ')}; it knows ${classes.join(', ')}`,
  );
}
