import type { FisherOptions } from '../../shared/contribution/fisher.ts';
import type { GramForm } from '../../shared/contribution/gram-forms.ts';
import type { OutputGramsOptions } from '../../shared/contribution/output-grams.ts';
import type { DataColumns } from '../../shared/data/column-names.ts';
import type { TaskKind } from '../../shared/task.ts';

/**
 * Whether rows of padding are part of Grams. The paper's published code counts them; they describe
 * no input.
 */
export const paddingChoices = ['excluded', 'included'] as const;
export type PaddingChoice = (typeof paddingChoices)[number];

/**
 * Whether projections that read tokens and a table of relative positions (DeBERTa) count the
 * table's rows in their Grams, once per batch as in the paper's published code: such Grams depend
 * on the batch size.
 */
export const positionRowsChoices = ['excluded', 'included'] as const;
export type PositionRowsChoice = (typeof positionRowsChoices)[number];

/** Which statistics of a model, over which data. */
export interface GramStatistics {
  /** Folder of the model. */
  readonly model: string;
  readonly task: TaskKind;
  /** Empty for an adapter, of which no statistics are collected. */
  readonly dataFiles: readonly string[];
  /** What the columns of the data are called, where the usual names do not say it. */
  readonly columns?: DataColumns;
  /**
   * The most batches that are read (paper, Appendix C: the effect saturates near 1,000 of size 16).
   */
  readonly batches: number;
  readonly batchSize: number;
  /** Whether padding is part of Grams; default `excluded`. */
  readonly padding?: PaddingChoice;
  /**
   * Whether rows of relative-position tables are part of Grams of layers that also read tokens;
   * default `excluded`.
   */
  readonly positionRows?: PositionRowsChoice;
  readonly maxLength?: number;
  readonly seed: number;
  /** Whether Grams are collected; default true. */
  readonly grams?: boolean;
  /** What is written of Grams; all of them when absent. */
  readonly gramForm?: GramForm;
  /** Whether sums of normalisation layers are collected, in the same pass; default false. */
  readonly norms?: boolean;
  /** Fisher information beside the Grams, when given. */
  readonly fisher?: FisherOptions;
  /** Output Grams beside the Grams, when given. */
  readonly outputGrams?: OutputGramsOptions;
}

/** The flags that asked for statistics which not every model has, beside Grams. */
export function askedBesideGrams({
  fisher,
  norms,
  outputGrams,
}: Pick<GramStatistics, 'fisher' | 'norms' | 'outputGrams'>): readonly string[] {
  return [
    ...(fisher === undefined ? [] : ['--fisher']),
    ...(norms === true ? ['--norms'] : []),
    ...(outputGrams === undefined ? [] : ['--output-grams']),
  ];
}

/** Statistics of a fine-tuned model, and the contribution that they are written into. */
export interface StatisticsOptions extends GramStatistics {
  /** The contribution folder to write. */
  readonly out: string;
  /** Name of the agent in the round. */
  readonly agent: string;
  /** Folder of the base model, for models that `regmean train` did not make. */
  readonly base?: string;
  /** Classes in the order of the head; those that the model's folder names when absent. */
  readonly labels?: readonly string[];
  /**
   * A merged model: layers' inputs are those that they have in it, and Grams and sums of
   * normalisation layers are of these; those of the model itself when absent.
   */
  readonly inputsFrom?: string;
  /** Whether the metrics of training.json go into the contribution. */
  readonly shareMetrics: boolean;
}

export const statisticsDefaults = { batches: 1000, batchSize: 16, seed: 42 } as const;

/** Of statistics of a head, which are of all data. */
export const headStatisticsDefaults = { batchSize: statisticsDefaults.batchSize } as const;
