import { createLog } from '../../merger/service/log.ts';
import { type ServeOptions, serve } from '../../merger/service/serve.ts';
import { createRunContext, type RunContextOptions } from '../../shared/runtime/run-context.ts';

/** What to serve and where, as `regmean merger serve` takes it. */
export interface RoundRequest extends ServeOptions {
  /** Told the address, with its port, once agents can connect. */
  readonly onListening?: (address: string) => void;
}

/**
 * Holds a round open, merges, and gives the fused model back, as `regmean merger serve` does, until
 * the signal stops it or, with `exitWhenFinished`, the round is finished. The lines of its log go
 * to `onNote`.
 *
 * @throws RegmeanError when the recipe is wrong, the port is in use, or the round failed
 */
export async function serveRound(request: RoundRequest, run: RunContextOptions = {}): Promise<void> {
  const { onListening, ...options } = request;
  const context = createRunContext(run);
  const log = createLog({ write: (line) => context.note(line.trimEnd()) });
  await serve(options, {
    context,
    log,
    ...(onListening === undefined ? {} : { onListening }),
  });
}
