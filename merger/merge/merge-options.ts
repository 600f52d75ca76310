import { RegmeanError } from '../../shared/errors.ts';

/** Ways to merge; each is a strategy in strategies.ts. */
export const mergeMethods = ['simple', 'regmean'] as const;
export type MergeMethod = (typeof mergeMethods)[number];

/** What a Gram counts with: its mean per row, so that agents weigh the same, or its sum. */
export const gramScales = ['mean', 'sum'] as const;
export type GramScale = (typeof gramScales)[number];

/** How contributions are merged. */
export interface MergeOptions {
  readonly method: MergeMethod;
  /** The folder to write. It must be new or empty, or hold an earlier merge, which is replaced. */
  readonly out: string;
  /** Share of the Grams' off-diagonal entries that is kept, in [0, 1]; default 0.9. */
  readonly alpha?: number;
  /** One positive number per contribution; only their ratios matter. Default: all equal. */
  readonly coefficients?: readonly number[];
  /** Default `mean`. */
  readonly gramScale?: GramScale;
  /** Regular expressions, searched anywhere in a parameter's name; parameters that match keep the base's values. */
  readonly exclude?: readonly string[];
  /** The base model's folder; needed with `exclude`. */
  readonly base?: string;
  /** Threads of the matrix products; one per core when absent. */
  readonly threads?: number;
}

/** Options with defaults filled in, checked. */
export interface ResolvedMergeOptions {
  readonly method: MergeMethod;
  readonly alpha: number;
  /** They sum to 1. */
  readonly coefficients: readonly number[];
  readonly gramScale: GramScale;
  readonly exclude: readonly RegExp[];
}

/**
 * Checks options and fills in defaults.
 *
 * @param count number of contributions
 * @throws RegmeanError `usage`, naming the option
 */
export function resolveMergeOptions(options: MergeOptions, count: number): ResolvedMergeOptions {
  const { method, alpha = 0.9, gramScale = 'mean', coefficients, exclude = [] } = options;
  if (count === 0) throw new RegmeanError('usage', 'merge: needs at least one contribution, got none');
  if (!(alpha >= 0 && alpha <= 1))
    throw new RegmeanError('usage', `alpha: must be between 0 and 1, got ${alpha}`);
  return {
    method,
    alpha,
    gramScale,
    coefficients: normalize(coefficients ?? new Array<number>(count).fill(1), count),
    exclude: exclude.map(compile),
  };
}

function normalize(coefficients: readonly number[], count: number): readonly number[] {
  const list = coefficients.join(', ');
  if (coefficients.length !== count) {
    throw new RegmeanError('usage', `coefficients: must be one per contribution (${count}), got ${list}`);
  }
  if (!coefficients.every((value) => value > 0 && Number.isFinite(value))) {
    throw new RegmeanError('usage', `coefficients: must be positive numbers, got ${list}`);
  }
  const sum = coefficients.reduce((total, value) => total + value, 0);
  return coefficients.map((value) => value / sum);
}

function compile(pattern: string): RegExp {
  try {
    return new RegExp(pattern);
  } catch (cause) {
    throw new RegmeanError('usage', `exclude: must be a regular expression, got ${pattern}`, { cause });
  }
}
