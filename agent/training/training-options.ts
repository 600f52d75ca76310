import type { LowRankOptions } from '../../shared/adapters/lora-plan.ts';
import type { DataColumns } from '../../shared/data/column-names.ts';
import type { TaskKind } from '../../shared/task.ts';

/** How a model is fine-tuned. */
export interface TrainingOptions {
  /** Folder of the base model. */
  readonly model: string;
  readonly task: TaskKind;
  readonly trainFiles: readonly string[];
  /** Evaluated after each epoch; the best epoch is kept. Without it the last epoch is kept. */
  readonly devFiles: readonly string[];
  /** What the columns of both are called, where the usual names do not say it. */
  readonly columns?: DataColumns;
  /** Folder of the fine-tuned model. */
  readonly out: string;
  /**
   * Classes of the head in the order of its outputs; those in the training files, sorted, when
   * absent.
   */
  readonly labels?: readonly string[];
  readonly epochs: number;
  readonly batchSize: number;
  readonly learningRate: number;
  /** Share of the steps over which the learning rate rises. */
  readonly warmupRatio: number;
  readonly weightDecay: number;
  readonly maxLength?: number;
  /** Seed of batches and dropout. */
  readonly seed: number;
  /** Seed of a new task head: the same for every agent of a round. */
  readonly headSeed: number;
  /** Parameters that stay as they are in the base. */
  readonly freeze: readonly RegExp[];
  /** Trains updates of low rank and the head alone, when given: the result is an adapter. */
  readonly lora?: LowRankOptions;
}

/** The paper's settings for encoders (Appendix B). */
export const trainingDefaults = {
  epochs: 10,
  batchSize: 16,
  learningRate: 1e-5,
  warmupRatio: 0.06,
  weightDecay: 0.01,
  seed: 42,
  headSeed: 42,
} as const;

/** What updates of low rank are trained with: they begin at zero, and only they move. */
const lowRankLearningRate = 3e-4;

/** The learning rate, where none is given the default of what is trained. */
export function learningRateFor(given: number | undefined, lora: LowRankOptions | undefined): number {
  return given ?? (lora === undefined ? trainingDefaults.learningRate : lowRankLearningRate);
}
