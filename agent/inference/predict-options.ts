import type { DataColumns } from '../../shared/data/column-names.ts';
import type { TaskKind } from '../../shared/task.ts';

/** Examples per batch; more than in training, where activations are kept for gradients. */
export const predictDefaults = { batchSize: 32 } as const;

/** What to predict. */
export interface PredictOptions {
  readonly model: string;
  /** Its base, where it is an adapter; what that names when absent. */
  readonly base?: string;
  readonly task: TaskKind;
  readonly dataFiles: readonly string[];
  readonly columns?: DataColumns;
  readonly batchSize: number;
  /** Texts that generating follows at once. */
  readonly beams?: number;
  /** Most tokens that are generated; causal language models generate when it is given. */
  readonly maxNewTokens?: number;
  readonly maxLength?: number;
}

/** What to predict, and where to. */
export interface PredictFileOptions extends PredictOptions {
  /** JSON Lines file to write. */
  readonly out: string;
}
