import type { AdapterRank } from '../adapters/adapter-output.ts';
import type { HeadMerging } from '../methods/common-options.ts';
import type { AveragedLayer, LayerGroupReport } from '../methods/merge-step.ts';
import type { MethodName } from '../methods/registry.ts';
import type { AllowedDifference } from './same-function.ts';

/** Name of the report in a merged folder. */
export const mergeReportFile = 'merge-report.json';

/** One contribution as it took part. */
export interface MergedAgentReport {
  readonly agent: string;
  /** Share of the merge; all shares sum to 1. */
  readonly coefficient: number;
  /**
   * Rows that its Grams summed, where they are known: the smallest and the largest number over the
   * layers.
   */
  readonly rows: { readonly min: number; readonly max: number } | null;
  /**
   * Fingerprint of the merged model that its Grams were collected in; null where it was its own.
   */
  readonly inputsFrom: string | null;
  readonly trainingExamples: number | null;
  /** Metrics that the agent shared. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** How coefficients, and perhaps options of the method, were chosen on validation data. */
export interface SearchReport {
  /** The metric that was compared, on so many examples. */
  readonly metric: string;
  readonly examples: number;
  readonly trials: readonly {
    readonly coefficients: readonly number[];
    readonly alpha: number | null;
    /** Value by option, of the options that several values were tried of. */
    readonly options: Readonly<Record<string, number>>;
    readonly score: number;
  }[];
}

/**
 * Which score of several agents counts: their mean, the lowest, or both (see `chooseCandidate`).
 */
export const choiceRules = ['mean', 'worst', 'both'] as const;

/** One of `choiceRules`. */
export type ChoiceRule = (typeof choiceRules)[number];

/** One of several merges that a model was chosen from. */
export interface CandidateReport {
  readonly name: string;
  readonly title: string;
  readonly method: string;
  /** The method's options with their defaults filled in. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Factor on the merged change from the base. */
  readonly scale: number;
  /** Score by agent, of those that count. */
  readonly scores: Readonly<Record<string, CandidateResult>>;
  /** Of the agents that count; null without any. */
  readonly mean: number | null;
  readonly worst: number | null;
}

/** How good a candidate is on one agent's data. */
export interface CandidateResult {
  /** The metric that the agent's task is judged by; larger is better. */
  readonly metric: string;
  readonly value: number;
  readonly examples: number;
}

/** How a model was chosen from several merges of the same contributions. */
export interface ChoiceReport {
  /** Name of the candidate that the model is. */
  readonly chosen: string;
  /**
   * What decided: scores of agents on their private data, the developer's validation data, or,
   * without any, the order of the candidates.
   */
  readonly by: 'scores' | 'validation' | 'order';
  /** Null where the order decided. */
  readonly rule: ChoiceRule | null;
  /** In their order: of equals, the first is chosen. */
  readonly candidates: readonly CandidateReport[];
  /** Candidates that could not be merged, and why. */
  readonly leftOut: readonly LeftOutCandidate[];
  /** Agents whose scores do not count: those candidates have none of theirs. */
  readonly incomplete: Readonly<Record<string, readonly string[]>>;
}

/** How a head was fitted to the data of all agents. */
export interface HeadReport {
  /** The layer that gives the logits. */
  readonly layer: string;
  /** What was added to the diagonal of the summed X^T X. */
  readonly ridge: number;
  /** Whose data, and how many rows of how many examples. */
  readonly agents: readonly { readonly agent: string; readonly examples: number; readonly rows: number }[];
  /** Inputs of the layer that were zero in all rows. */
  readonly deadInputs: number;
  readonly relativeResidual: number;
}

/** A candidate that could not be merged. */
export interface LeftOutCandidate {
  readonly name: string;
  readonly title: string;
  readonly reason: string;
}

/** `merge-report.json`: what was merged, how, and how well the systems were solved. */
export interface MergeReport {
  readonly format: 'regmean-merge/1';
  readonly tool: string;
  readonly method: MethodName;
  /** The method's options with their defaults filled in. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Of `options`; null for methods without it, as are `ridge` and `gramScale`. */
  readonly alpha: number | null;
  readonly ridge: number | null;
  readonly gramScale: string | null;
  /** Of `options`; null for other methods. */
  readonly fisher: { readonly smoothing: number; readonly normalize: string } | null;
  readonly coefficientScale: string;
  /** Factor on the merged change from the base. */
  readonly scale: number;
  readonly heads: HeadMerging;
  readonly baseFingerprint: string | null;
  /** Null, as are the labels, where agents keep heads of their own. */
  readonly task: string | null;
  readonly labels: readonly string[] | null;
  /** Classes that only some agents know, and who; null when all know all. */
  readonly classes: Readonly<Record<string, readonly string[]>> | null;
  readonly agents: readonly MergedAgentReport[];
  /** Null when coefficients were given, or are equal. */
  readonly search: SearchReport | null;
  /** Null where the method was given. */
  readonly choice: ChoiceReport | null;
  /** How the head was fitted, where it was after the merge; absent where it was merged. */
  readonly head?: HeadReport;
  /** How many parameters (tensors) were merged in which way. */
  readonly parameters: {
    readonly solved: number;
    /** Those whose changes from the base were combined by the method's rule. */
    readonly combined: number;
    readonly averaged: number;
    /** Kept from the base, because `include` or `exclude` says so. */
    readonly excluded: readonly string[];
    readonly patterns: Readonly<Record<'include' | 'exclude' | 'average', readonly string[]>>;
    /** Linear layers that a method which solves for them averaged, and why. */
    readonly averagedLayers: readonly AveragedLayer[];
    /** Modules with Grams that are no layers of the models. */
    readonly unusedGrams: readonly string[];
  };
  /** What became of the rank, where adapters were merged into one; null for models. */
  readonly adapter: AdapterRank | null;
  /** What differs between the contributions' functions because `allowDifferent` says so. */
  readonly allowedDifferences: readonly AllowedDifference[];
  readonly groups: readonly LayerGroupReport[];
  /** The step that takes the most memory, and about how much. */
  readonly memory: { readonly step: string; readonly bytes: number };
  /** Size and SHA-256 of the model's files. */
  readonly files: Readonly<Record<string, { readonly bytes: number; readonly sha256: string }>>;
}

/** The groups whose summed Gram was singular, or had inputs that never occurred. */
export function singularGroups({ groups }: MergeReport): readonly LayerGroupReport[] {
  return groups.filter(({ jitter, deadInputs }) => jitter > 0 || deadInputs > 0);
}

/** The largest relative residual over all groups; 0 when there are none. */
export function largestResidual({ groups }: MergeReport): number {
  return groups.reduce((largest, { relativeResidual }) => Math.max(largest, relativeResidual), 0);
}

/** The rank of a merged adapter, and what it holds of the change, in words. */
export function describeRank({ rank, kept }: AdapterRank): string {
  const share = kept === 1 ? 'all' : `${(100 * kept).toFixed(1)} % (squared)`;
  return `${rank}, which holds ${share} of the merged change`;
}

/** How many parameters were merged in which way, in words. */
export function howManyParameters({ parameters }: Pick<MergeReport, 'parameters'>): string {
  const { solved, combined, averaged, excluded } = parameters;
  const counts = [
    ...(combined > 0 && solved === 0 ? [] : [`${solved} solved`]),
    ...(combined > 0 ? [`${combined} combined`] : []),
    ...[`${averaged} averaged`, `${excluded.length} kept from the base`],
  ];
  return counts.join(', ');
}
