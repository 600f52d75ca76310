import type { DataColumns } from '../../shared/data/column-names.ts';
import type { TaskKind } from '../../shared/task.ts';

/** What to predict. */
export interface PredictOptions {
  readonly model: string;
  readonly task: TaskKind;
  readonly dataFiles: readonly string[];
  readonly columns?: DataColumns;
  /** JSON Lines file to write. */
  readonly out: string;
  readonly batchSize: number;
  /** Texts that generating follows at once. */
  readonly beams?: number;
  /** Most tokens that are generated; causal language models generate when it is given. */
  readonly maxNewTokens?: number;
  readonly maxLength?: number;
}
