import { RegmeanError } from '../../shared/errors.ts';
import type { StoredRound } from './round-store.ts';

/** What a merge of a round takes. */
export interface MergeRoundOptions {
  readonly agents: readonly string[];
  /** The folder to make. */
  readonly out: string;
  readonly onProgress: (step: {
    readonly step: string;
    readonly done: number;
    readonly total: number;
  }) => void;
}

/** Merges stored contributions of a round. */
export async function mergeRound(round: StoredRound, _options: MergeRoundOptions): Promise<void> {
  throw new RegmeanError('unsupported', `round ${round.recipe.name}: merging is not built in yet`);
}
