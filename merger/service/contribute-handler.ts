/** @file Takes one upload: manifest, chunks, commit. */
import type { ServerDuplexStream } from '@grpc/grpc-js';
import { RegmeanError } from '../../shared/errors.ts';
import type { ContributeRequest__Output } from '../../shared/wire/generated/regmean/v1/ContributeRequest.ts';
import type { ContributeResponse } from '../../shared/wire/generated/regmean/v1/ContributeResponse.ts';
import type { RoundController } from '../round/round-controller.ts';
import type { UploadTurn } from '../round/upload-turns.ts';

/** How often the agent hears that its contribution is still being checked. */
const validatingIntervalMs = 3_000;

type ContributeCall = ServerDuplexStream<ContributeRequest__Output, ContributeResponse>;

/**
 * Serves one Contribute stream to its end.
 *
 * @param authorize throws when the caller may not contribute under the agent's name
 * @throws RegmeanError for everything that is refused
 */
export async function takeContribution(
  call: ContributeCall,
  controller: RoundController,
  authorize: (agent: string) => void,
): Promise<void> {
  // A plain `for await` would destroy the stream when it is left, and with it the status that says
  // why.
  const requests = call.iterator({ destroyOnReturn: false }) as AsyncIterator<ContributeRequest__Output>;
  const first = await requests.next();
  if (first.done === true || !first.value.manifest) {
    throw new RegmeanError('refused', 'contribute: the manifest must come first');
  }
  const { manifest } = first.value;
  authorize(manifest.agent);
  const turn = await whileTelling(call, controller.begin(manifest));
  if (turn.alreadyStored) {
    call.write({ stored: turn });
    call.end();
    return;
  }
  try {
    call.write({ accepted: { offsets: turn.upload.offsets() } });
    await takeChunks(call, requests, turn);
    const digest = await whileTelling(call, turn.commit());
    call.write({ stored: { digest, alreadyStored: false } });
    call.end();
  } finally {
    await turn.end();
  }
}

async function takeChunks(
  call: ContributeCall,
  requests: AsyncIterator<ContributeRequest__Output>,
  turn: UploadTurn,
): Promise<void> {
  for (;;) {
    const request = await unlessAborted(turn.signal, requests.next());
    if (request.done === true)
      throw new RegmeanError('refused', 'contribute: the stream ended before the commit');
    const { chunk, commit } = request.value;
    if (commit) return;
    if (!chunk) throw new RegmeanError('refused', 'contribute: what follows must be a chunk or the commit');
    const committed = await turn.upload.write(chunk);
    if (committed !== undefined) call.write({ committed });
  }
}

/**
 * Awaits `work` unless the signal is aborted first. The listener goes with each call: a race
 * against one promise that lives as long as the upload would keep every chunk that ever won it.
 */
async function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  let onAbort = (): void => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** Awaits `work` and tells the agent meanwhile that it is going on. */
async function whileTelling<T>(call: ContributeCall, work: Promise<T>): Promise<T> {
  const startedAt = performance.now();
  const timer = setInterval(() => {
    if (!call.cancelled) call.write({ validating: { seconds: (performance.now() - startedAt) / 1000 } });
  }, validatingIntervalMs);
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}
