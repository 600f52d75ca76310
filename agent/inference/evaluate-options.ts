import type { ScoredCandidate } from '../../shared/candidates/candidate-scores.ts';
import type { DataColumns } from '../../shared/data/column-names.ts';
import type { TaskKind } from '../../shared/task.ts';

/** What is not asked for is not done; batches as in prediction. */
export const evaluateDefaults = { batchSize: 32, ensemble: false } as const;

/** What to score. */
export interface EvaluateOptions {
  /** Folders of candidates stand for all candidates in them. */
  readonly models: readonly string[];
  /** Base of those that are adapters; what they name when absent. */
  readonly base?: string;
  /** Whose scores they are, and, where candidates have heads of several agents, whose head. */
  readonly agent?: string;
  readonly task: TaskKind;
  readonly dataFiles: readonly string[];
  readonly columns?: DataColumns;
  /** Whether the mean of the models' logits is scored too (paper, Section 4.2). */
  readonly ensemble: boolean;
  /** Classes that macro-F1 is over; those that occur when absent. */
  readonly classes?: readonly string[];
  readonly batchSize: number;
  readonly maxLength?: number;
}

/** The scores of one model, or of the ensemble, on one data file. */
export interface Score {
  /** Model folder, or `ensemble`. */
  readonly model: string;
  readonly data: string;
  readonly examples: number;
  /** The metric that the task is judged by. */
  readonly main: string;
  readonly metrics: Readonly<Record<string, number>>;
  /** Where the model is one of a set of candidates for a merge. */
  readonly candidate?: ScoredCandidate;
  /** Whose score it is, where that was said. */
  readonly agent?: string;
}

/** A model, and what its scores say of it. */
export interface MarkedModel extends Pick<Score, 'candidate' | 'agent'> {
  readonly path: string;
}
