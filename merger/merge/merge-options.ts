import { RegmeanError } from '../../shared/errors.ts';
import { type Coefficients, commonOptions, type HeadMerging } from '../methods/common-options.ts';
import { type GivenOptions, methodNamed, requireOwnOptions } from '../methods/merge-keys.ts';
import type { MergeMethod, PreparedMethod } from '../methods/method.ts';
import { readOptions } from '../methods/option.ts';
import type { MethodName } from '../methods/registry.ts';

/**
 * How contributions are merged: a method, its options and those of every method, as the modules in
 * `merger/methods` declare them.
 */
export interface MergeOptions extends GivenOptions {
  readonly method: MethodName;
  /** The folder to write. It must be new or empty, or hold an earlier merge, which is replaced. */
  readonly out: string;
}

/** The options that every method has, with defaults filled in, checked. */
export interface ResolvedCommonOptions {
  /** As given; see `coefficientsOf`. */
  readonly coefficients: Coefficients | undefined;
  readonly coefficientScale: 'normalized' | 'as-given';
  readonly heads: HeadMerging;
  /** Factor on the merged change from the base. */
  readonly scale: number;
  readonly include: readonly RegExp[];
  readonly average: readonly RegExp[];
  readonly exclude: readonly RegExp[];
  readonly allowDifferent: readonly string[];
  readonly base: string | undefined;
  /** Of the merged adapter; the lowest that holds all of the change when absent. */
  readonly rank: number | undefined;
}

/** All options with defaults filled in, checked. */
export interface ResolvedMergeOptions extends ResolvedCommonOptions {
  readonly method: MergeMethod<MethodName>;
  /** The method with the values of its options. */
  readonly prepared: PreparedMethod;
}

/**
 * Checks options and fills in defaults.
 *
 * @throws RegmeanError `usage`, naming the option
 */
export function resolveMergeOptions(options: MergeOptions): ResolvedMergeOptions {
  const given = { ...options };
  const method = methodNamed(options.method);
  requireOwnOptions(options.method, given);
  return { ...resolveCommonOptions(given), method, prepared: method.prepare(given) };
}

/**
 * Checks the options that every method has, and fills in defaults; others are not looked at.
 *
 * @throws RegmeanError `usage`, naming the option
 */
export function resolveCommonOptions(given: Readonly<Record<string, unknown>>): ResolvedCommonOptions {
  const { include, average, exclude, coefficients, base, rank, ...common } = readOptions(
    commonOptions,
    given,
  );
  return {
    ...common,
    coefficients,
    base,
    rank,
    include: include.map(compile),
    average: average.map(compile),
    exclude: exclude.map(compile),
  };
}

/**
 * The coefficient of each contribution: equal ones when none are given; divided by their sum unless
 * they are taken as given.
 *
 * @param agents names of the contributions' agents, in their order
 * @throws RegmeanError `usage` when a contribution has none
 */
export function coefficientsOf(
  { coefficients, coefficientScale }: Pick<ResolvedMergeOptions, 'coefficients' | 'coefficientScale'>,
  agents: readonly string[],
): readonly number[] {
  const values =
    coefficients === undefined
      ? agents.map(() => 1 / agents.length)
      : isList(coefficients)
        ? requireOneEach(coefficients, agents)
        : agents.map((agent) => requireOwn(coefficients, agent));
  const sum = coefficientScale === 'as-given' ? 1 : values.reduce((total, value) => total + value, 0);
  return values.map((value) => value / sum);
}

function isList(coefficients: Coefficients): coefficients is readonly number[] {
  return Array.isArray(coefficients);
}

function requireOneEach(coefficients: readonly number[], agents: readonly string[]): readonly number[] {
  if (coefficients.length === agents.length) return coefficients;
  throw new RegmeanError(
    'usage',
    `coefficients: must be one per contribution (${agents.length}), got ${coefficients.join(', ')}`,
  );
}

function requireOwn(coefficients: Readonly<Record<string, number>>, agent: string): number {
  const value = coefficients[agent];
  if (value !== undefined) return value;
  const names = Object.keys(coefficients).join(', ');
  throw new RegmeanError('usage', `coefficients: must name every agent, ${agent} is not among ${names}`);
}

function compile(pattern: string): RegExp {
  return new RegExp(pattern);
}
