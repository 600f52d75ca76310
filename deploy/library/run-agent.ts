import { retryWith } from '../../agent/client/retry-with.ts';
import { type TakePartOptions, type TakePartResult, takePart } from '../../agent/client/take-part.ts';
import { createRunContext, type RunContextOptions } from '../../shared/runtime/run-context.ts';
import { type ConnectionFlags, connectToMerger } from '../../shared/wire/connection.ts';
import { defaultStallTimeoutMs } from '../../shared/wire/with-retries.ts';
import type { WithDefaults } from './with-defaults.ts';

/** Where the merger is, and what the agent brings; defaults are those of `regmean agent run`. */
export interface AgentRequest
  extends ConnectionFlags,
    WithDefaults<TakePartOptions, 'devFiles' | 'shareMetrics' | 'scoreCandidates'> {
  /** Gives up when nothing moves for so long, in milliseconds. */
  readonly stallTimeoutMs?: number;
}

/**
 * Takes part in a round from the base model to the fused model, as `regmean agent run` does.
 *
 * @throws RegmeanError `interrupted` when the signal stopped it: the same call continues
 */
export async function runAgent(request: AgentRequest, run: RunContextOptions = {}): Promise<TakePartResult> {
  const { stallTimeoutMs = defaultStallTimeoutMs, ...rest } = request;
  const context = createRunContext(run);
  const connection = await connectToMerger(request);
  try {
    const options = { devFiles: [], shareMetrics: false, scoreCandidates: true, ...rest };
    return await takePart(connection, retryWith(context, stallTimeoutMs), options, context);
  } finally {
    connection.close();
  }
}
