import type { DataColumns } from '../../shared/data/column-names.ts';
import type { TaskKind } from '../../shared/task.ts';

/** One agent's data files. */
export interface AgentData {
  readonly name: string;
  readonly task: TaskKind;
  /** Classes of its head, in order; none for regression. */
  readonly labels: readonly string[];
  readonly train: readonly string[];
  /** Chooses its best epoch. */
  readonly dev: readonly string[];
  readonly columns?: DataColumns;
}

/** Labelled data that models are scored on. */
export interface TestSet {
  readonly name: string;
  readonly task: TaskKind;
  /** Classes that may occur in it. */
  readonly labels: readonly string[];
  readonly test: readonly string[];
  /** Validation data of the same kind; may be empty. */
  readonly dev: readonly string[];
  readonly columns?: DataColumns;
  /** The agent whose domain it is; null for a joint or an out-of-domain test set. */
  readonly owner: string | null;
  readonly group: 'in-domain' | 'out-of-domain';
  /** What it is judged by, where that is not the main metric of its task. */
  readonly metric?: 'macroF1';
}

/** The data of one seed of an experiment. */
export interface ExperimentData {
  readonly agents: readonly AgentData[];
  readonly testSets: readonly TestSet[];
}
