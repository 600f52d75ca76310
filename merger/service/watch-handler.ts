/** @file Streams a round's events to one watcher. */
import type { ServerWritableStream } from '@grpc/grpc-js';
import type { RegmeanError } from '../../shared/errors.ts';
import type { Round } from '../../shared/wire/generated/regmean/v1/Round.ts';
import type { RoundEvent as WireEvent } from '../../shared/wire/generated/regmean/v1/RoundEvent.ts';
import type { WatchRoundRequest__Output } from '../../shared/wire/generated/regmean/v1/WatchRoundRequest.ts';
import type { RoundController } from '../round/round-controller.ts';
import type { RoundEvent } from '../round/round-events.ts';
import type { RoundState } from '../round/round-state.ts';

const heartbeatIntervalMs = 10_000;

/**
 * Serves one WatchRound stream until the round is merged or has failed, or the watcher leaves.
 *
 * @param describe the round as it is now
 */
export async function streamEvents(
  call: ServerWritableStream<WatchRoundRequest__Output, WireEvent>,
  controller: RoundController,
  describe: () => Promise<Round>,
): Promise<void> {
  let slow = false;
  const send = (event: WireEvent): void => {
    if (!call.cancelled) slow = !call.write({ timeUnixMs: Date.now(), ...event });
  };
  call.on('drain', () => {
    slow = false;
  });
  let queue = Promise.resolve();
  let finish = (): void => {};
  let fail = (_reason: RegmeanError): void => {};
  const finished = new Promise<void>((resolve, reject) => {
    finish = resolve;
    fail = reject;
  });
  finished.catch(() => {});
  call.on('cancelled', () => finish());

  const unsubscribe = controller.subscribe((event) => {
    if (event.kind === 'stopping') {
      fail(event.reason);
      return;
    }
    // A watcher that reads slowly misses steps of the merge, not what they lead to.
    if (slow && event.kind === 'merge-progress') return;
    queue = queue.then(async () => {
      send(await wireEvent(event, describe));
      if (event.kind === 'state' && isFinal(event.standing.state)) finish();
    });
  });
  const heartbeat = setInterval(() => send({ kind: 'ROUND_EVENT_KIND_HEARTBEAT' }), heartbeatIntervalMs);
  try {
    queue = queue.then(async () => send({ kind: 'ROUND_EVENT_KIND_SNAPSHOT', round: await describe() }));
    await queue;
    if (!isFinal(controller.standing().state)) await finished;
    await queue;
  } finally {
    clearInterval(heartbeat);
    unsubscribe();
  }
  call.end();
}

async function wireEvent(
  event: Exclude<RoundEvent, { kind: 'stopping' }>,
  describe: () => Promise<Round>,
): Promise<WireEvent> {
  switch (event.kind) {
    case 'upload':
      return { kind: 'ROUND_EVENT_KIND_UPLOAD', agent: event.agent, done: event.done, total: event.total };
    case 'checking':
      return { kind: 'ROUND_EVENT_KIND_CHECKING', agent: event.agent };
    case 'accepted':
      return { kind: 'ROUND_EVENT_KIND_ACCEPTED', agent: event.agent, message: event.digest };
    case 'refused':
      return { kind: 'ROUND_EVENT_KIND_REFUSED', agent: event.agent, message: event.reason };
    case 'merge-progress':
      return {
        kind: 'ROUND_EVENT_KIND_MERGE_PROGRESS',
        message: event.step,
        done: event.done,
        total: event.total,
      };
    case 'scored':
      return { kind: 'ROUND_EVENT_KIND_SCORED', agent: event.agent };
    case 'refined':
      return { kind: 'ROUND_EVENT_KIND_REFINED', agent: event.agent };
    case 'state':
      return { kind: 'ROUND_EVENT_KIND_STATE_CHANGED', round: await describe() };
  }
}

function isFinal(state: RoundState): boolean {
  return state === 'merged' || state === 'failed';
}
