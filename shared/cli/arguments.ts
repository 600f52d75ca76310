/** @file Parsers of option values. Each throws what commander shows as bad usage, exit code 2. */
import { InvalidArgumentError } from 'commander';
import { type TaskKind, taskKinds } from '../task.ts';

/** A whole number of at least 1. */
export function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError('must be a whole number from 1');
  return value;
}

/** A whole number of at least 0, for seeds. */
export function nonNegativeInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0 || text.trim() === '') {
    throw new InvalidArgumentError('must be a whole number from 0');
  }
  return value;
}

/** A number above 0. */
export function positiveNumber(text: string): number {
  const value = Number(text);
  if (!(value > 0) || !Number.isFinite(value)) throw new InvalidArgumentError('must be a number above 0');
  return value;
}

/** A number of at least 0. */
export function nonNegativeNumber(text: string): number {
  const value = Number(text);
  if (!(value >= 0) || !Number.isFinite(value) || text.trim() === '') {
    throw new InvalidArgumentError('must be a number from 0');
  }
  return value;
}

/** A number from 0 to 1. */
export function fraction(text: string): number {
  const value = Number(text);
  if (!(value >= 0 && value <= 1) || text.trim() === '') {
    throw new InvalidArgumentError('must be a number from 0 to 1');
  }
  return value;
}

/** A comma-separated list of names. */
export function nameList(text: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.some((name) => name === '')) throw new InvalidArgumentError('must be names separated by commas');
  return names;
}

/** A regular expression, added to those given before. */
export function patternList(text: string, previous: readonly RegExp[] = []): RegExp[] {
  try {
    return [...previous, new RegExp(text)];
  } catch {
    throw new InvalidArgumentError('must be a regular expression');
  }
}

const trainable: readonly TaskKind[] = taskKinds.filter((task) => task !== 'masked-lm');

/** One of the tasks that models are fine-tuned for. */
export function taskKind(text: string): TaskKind {
  const task = trainable.find((kind) => kind === text);
  if (task === undefined) throw new InvalidArgumentError(`must be one of ${trainable.join(', ')}`);
  return task;
}
