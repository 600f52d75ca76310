import { RegmeanError } from '../../shared/errors.ts';

/** Ways to merge; each is a strategy in methods/registry.ts. */
export const mergeMethods = ['simple', 'fisher', 'regmean'] as const;
export type MergeMethod = (typeof mergeMethods)[number];

/** What a Gram counts with: its mean per row, so that agents weigh the same, or its sum. */
export const gramScales = ['mean', 'sum'] as const;
export type GramScale = (typeof gramScales)[number];

/**
 * Whether coefficients are divided by their sum. The paper's published code takes them as they are:
 * then biases and embeddings grow with the sum, while solved layers do not.
 */
export const coefficientScales = ['normalized', 'as-given'] as const;
export type CoefficientScale = (typeof coefficientScales)[number];

/**
 * What Fisher information is divided by before it weighs: nothing, its norm over each tensor, or
 * over the model.
 */
export const fisherNormalizations = ['none', 'parameter', 'model'] as const;
export type FisherNormalization = (typeof fisherNormalizations)[number];

/**
 * What becomes of task heads: one for all classes, united by name, or each agent's own beside one
 * encoder.
 */
export const headMergings = ['united', 'separate'] as const;
export type HeadMerging = (typeof headMergings)[number];

/** How contributions are merged. */
export interface MergeOptions {
  readonly method: MergeMethod;
  /** The folder to write. It must be new or empty, or hold an earlier merge, which is replaced. */
  readonly out: string;
  /**
   * Share of the Grams' off-diagonal entries that is kept, in [0, 1]; default 0.9, with a ridge 1.
   * 0 is the diagonal form.
   */
  readonly alpha?: number;
  /**
   * Constant that is added to the diagonal of every Gram, scaled as `gramScale` says (paper,
   * Appendix C).
   */
  readonly ridge?: number;
  /**
   * One positive number per contribution; only their ratios matter unless `as-given`. Default: all
   * equal.
   */
  readonly coefficients?: readonly number[];
  /** Default `normalized`. */
  readonly coefficientScale?: CoefficientScale;
  /** Default `mean`. */
  readonly gramScale?: GramScale;
  /** Default `united`. */
  readonly heads?: HeadMerging;
  /** Added to all Fisher information; default 1e-10. */
  readonly fisherSmoothing?: number;
  /** Default `none`. */
  readonly fisherNormalize?: FisherNormalization;
  /** Regular expressions like those of `exclude`: only parameters that match one are merged. */
  readonly include?: readonly string[];
  /** Regular expressions: parameters that match keep no method of their own and are averaged. */
  readonly average?: readonly string[];
  /**
   * Regular expressions, searched anywhere in a parameter's name; parameters that match keep the
   * base's values.
   */
  readonly exclude?: readonly string[];
  /** The base model's folder; needed with `include` and `exclude`. */
  readonly base?: string;
}

/** Options with defaults filled in, checked. */
export interface ResolvedMergeOptions {
  readonly method: MergeMethod;
  readonly alpha: number;
  readonly ridge: number;
  readonly heads: HeadMerging;
  readonly fisherSmoothing: number;
  readonly fisherNormalize: FisherNormalization;
  /** They sum to 1, unless they are taken as given. */
  readonly coefficients: readonly number[];
  readonly gramScale: GramScale;
  readonly include: readonly RegExp[];
  readonly average: readonly RegExp[];
  readonly exclude: readonly RegExp[];
}

/**
 * Checks options and fills in defaults.
 *
 * @param count number of contributions
 * @throws RegmeanError `usage`, naming the option
 */
export function resolveMergeOptions(options: MergeOptions, count: number): ResolvedMergeOptions {
  const { method, gramScale = 'mean', heads = 'united', coefficients } = options;
  const { coefficientScale = 'normalized' } = options;
  const { ridge = 0, alpha = options.ridge === undefined ? 0.9 : 1 } = options;
  const { fisherSmoothing = 1e-10, fisherNormalize = 'none' } = options;
  if (count === 0) throw new RegmeanError('usage', 'merge: needs at least one contribution, got none');
  if (!(alpha >= 0 && alpha <= 1))
    throw new RegmeanError('usage', `alpha: must be between 0 and 1, got ${alpha}`);
  requireNotNegative('ridge', ridge);
  requireNotNegative('fisher smoothing', fisherSmoothing);
  return {
    method,
    alpha,
    ridge,
    gramScale,
    heads,
    fisherSmoothing,
    fisherNormalize,
    coefficients: scaled(
      requireCoefficients(coefficients ?? new Array<number>(count).fill(1 / count), count),
      coefficientScale,
    ),
    include: compileAll('include', options.include),
    average: compileAll('average', options.average),
    exclude: compileAll('exclude', options.exclude),
  };
}

function requireCoefficients(coefficients: readonly number[], count: number): readonly number[] {
  const list = coefficients.join(', ');
  if (coefficients.length !== count) {
    throw new RegmeanError('usage', `coefficients: must be one per contribution (${count}), got ${list}`);
  }
  if (!coefficients.every((value) => value > 0 && Number.isFinite(value))) {
    throw new RegmeanError('usage', `coefficients: must be positive numbers, got ${list}`);
  }
  return coefficients;
}

function scaled(coefficients: readonly number[], scale: CoefficientScale): readonly number[] {
  const sum = scale === 'as-given' ? 1 : coefficients.reduce((total, value) => total + value, 0);
  return coefficients.map((value) => value / sum);
}

function requireNotNegative(name: string, value: number): void {
  if (value >= 0 && Number.isFinite(value)) return;
  throw new RegmeanError('usage', `${name}: must be a number from 0, got ${value}`);
}

function compileAll(option: string, patterns: readonly string[] = []): readonly RegExp[] {
  return patterns.map((pattern) => {
    try {
      return new RegExp(pattern);
    } catch (cause) {
      throw new RegmeanError('usage', `${option}: must be a regular expression, got ${pattern}`, { cause });
    }
  });
}
