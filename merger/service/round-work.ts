/** @file The heavy work of a round, in worker threads. */
import type { RunContext } from '../../shared/runtime/run-context.ts';
import type { OnProgress, RoundWork } from '../round/heavy-work.ts';
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
  const mergeInWorker = async (
    result: MergeInput['result'],
    agents: readonly string[],
    onProgress: OnProgress,
  ): Promise<void> => {
    const input: MergeInput = { result, round, agents, compute };
    await runInWorker<MergePosition>(
      new URL('./merge-worker.js', import.meta.url),
      input,
      ({ step, done, total }) => onProgress(step, done, total),
      signal,
    );
  };
  return {
    async validate(folder, agent, wanted) {
      const input: ValidateInput = { round, folder, agent, wanted };
      await runInWorker(new URL('./validate-worker.js', import.meta.url), input, () => {}, signal);
    },
    merge: (agents, onProgress) => mergeInWorker('fused', agents, onProgress),
    makeCandidates: (agents, onProgress) => mergeInWorker('candidates', agents, onProgress),
    mergeFor: (wanted, agents, onProgress) => mergeInWorker({ wanted }, agents, onProgress),
  };
}
