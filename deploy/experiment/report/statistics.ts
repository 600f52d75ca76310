/**
 * @file Means, spreads and how they are written: scores are fractions in results and percent in
 *   reports.
 */
import type { Measurement, Scores, Setting } from '../results.ts';

/** A mean over seeds and its standard deviation (0 for one). */
export interface Spread {
  readonly mean: number;
  readonly deviation: number;
  readonly count: number;
}

/** Mean of values; NaN of none. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Mean and sample standard deviation of the values that are numbers. */
export function spreadOf(values: readonly number[]): Spread {
  const known = values.filter((value) => !Number.isNaN(value));
  const center = mean(known);
  const squares = known.reduce((sum, value) => sum + (value - center) ** 2, 0);
  return {
    mean: center,
    deviation: known.length < 2 ? 0 : Math.sqrt(squares / (known.length - 1)),
    count: known.length,
  };
}

/** Mean of a model's scores over test sets; NaN when one of them has none. */
export function macroAverage(scores: Scores, testSets: readonly string[]): number {
  return mean(testSets.map((name) => scores[name] ?? Number.NaN));
}

/** `53.8 ± 2.8` in percent; one seed has no spread, nothing is an empty text. */
export function formatSpread({ mean: center, deviation, count }: Spread): string {
  if (count === 0) return '';
  const value = formatPercent(center);
  return count === 1 ? value : `${value} ± ${formatPercent(deviation)}`;
}

/** The same with a sign, for differences. */
export function formatGain(spread: Spread): string {
  const text = formatSpread(spread);
  return text === '' || text.startsWith('-') ? text : `+${text}`;
}

/** A fraction in percent with one digit; never `-0.0`. */
export function formatPercent(value: number): string {
  return (100 * value).toFixed(1).replace(/^-(0\.0)$/, '$1');
}

/** How something stands by a difference: `2.1 points above`, or `level with`. */
export function formatRelation(difference: number): string {
  const points = formatPercent(Math.abs(difference));
  return points === '0.0' ? 'level with' : `${points} points ${difference < 0 ? 'below' : 'above'}`;
}

/** Measurements of a setting. */
export function ofSetting(measurements: readonly Measurement[], setting: Setting): readonly Measurement[] {
  return measurements.filter((own) => own.setting === setting);
}
