/**
 * @file The classes of the head that a training begins with, and what becomes of a head that the
 *   base has already.
 */
import { createLabelSpace } from '../../shared/data/label-space.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { sameNames } from '../../shared/models/classes.ts';
import type { LoadedModel } from '../../shared/models/model-folder.ts';

/**
 * The classes of a new model: those of the data; where the base's head has the same, or the data
 * numbers them, in the base's order, so that a row of the head stays the row of its class.
 *
 * @param base the classes that the base's configuration names; null where it names none
 */
export function classesInBaseOrder(
  inData: readonly string[],
  base: readonly string[] | null,
): readonly string[] {
  if (base === null || base.length !== inData.length) return inData;
  return areNumbered(inData) || areClassesOf(base, inData) ? base : inData;
}

/**
 * As `classesInBaseOrder`, for a head that cannot be renewed: its own classes, where it knows all
 * of the data's.
 */
export function classesOfFixedHead(
  inData: readonly string[],
  base: readonly string[] | null,
): readonly string[] {
  return base !== null && knowsAll(base, inData) ? base : classesInBaseOrder(inData, base);
}

/** Whether labels are those classes, one each. */
function areClassesOf(classes: readonly string[], labels: readonly string[]): boolean {
  const { idOf } = createLabelSpace(classes);
  const ids = new Set(labels.map(idOf));
  return !ids.has(null) && ids.size === classes.length;
}

/** Whether every label is one of the classes. */
function knowsAll(classes: readonly string[], labels: readonly string[]): boolean {
  const { idOf } = createLabelSpace(classes);
  return labels.every((label) => idOf(label) !== null);
}

/** Whether classes have no names but those that their numbers give them. */
function areNumbered(labels: readonly string[]): boolean {
  return labels.every((name) => /^LABEL_\d+$/.test(name));
}

/**
 * Checks a head that is kept from the base against the classes that it is trained for.
 *
 * @returns a line for the user where it was for other classes
 * @throws RegmeanError `usage` when the classes are the base's in another order
 */
export function checkKeptHead(
  { model, initialized }: LoadedModel,
  base: readonly string[] | null,
  where: string,
): string | null {
  const { classes } = model;
  const isSame = base?.every((name, id) => classes[id] === name);
  if (initialized.length > 0 || base === null || areNumbered(base) || isSame === true) return null;
  if (sameNames(classes, base)) {
    throw new RegmeanError(
      'usage',
      `--labels: must stand in the order of the head of ${where}: ${base.join(',')}, got ${classes.join(',')}`,
    );
  }
  return `${where}: its head, for ${base.join(', ')}, is where training for ${classes.join(', ')} begins`;
}
