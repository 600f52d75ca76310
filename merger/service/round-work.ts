/** @file The heavy work of a round, in worker threads. */
import type { RunContext } from '../../shared/runtime/run-context.ts';
import type { RoundWork } from '../round/round-controller.ts';
import type { StoredRound } from '../round/round-store.ts';
import type { MergeInput, MergePosition } from './merge-worker.ts';
import { runInWorker } from './run-in-worker.ts';
import type { ValidateInput } from './validate-worker.ts';

/**
 * The work of a round, each piece in a worker thread of its own.
 *
 * @param context its signal ends what is running
 */
export function createRoundWork(
  round: StoredRound,
  { compute, signal }: Pick<RunContext, 'compute' | 'signal'>,
): RoundWork {
  return {
    async validate(folder, agent) {
      const input: ValidateInput = { round, folder, agent };
      await runInWorker(new URL('./validate-worker.js', import.meta.url), input, () => {}, signal);
    },
    async merge(agents, onProgress) {
      const input: MergeInput = { round, agents, compute };
      await runInWorker<MergePosition>(
        new URL('./merge-worker.js', import.meta.url),
        input,
        ({ step, done, total }) => onProgress(step, done, total),
        signal,
      );
    },
  };
}
