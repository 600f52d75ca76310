import type { DataColumns } from '../../shared/data/column-names.ts';
import type { TaskKind } from '../../shared/task.ts';

/** The central developer's data. */
export interface ValidationSource {
  /** Labelled data that no agent was fine-tuned on. */
  readonly validationFiles: readonly string[];
  readonly columns?: DataColumns;
  /** For contributions without a manifest. */
  readonly task?: TaskKind;
  readonly maxLength?: number;
}
