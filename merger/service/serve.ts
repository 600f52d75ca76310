/** @file A merger process: opens the round, serves it, and stops when asked to. */
import { once } from 'node:events';
import type { ServerCredentials } from '@grpc/grpc-js';
import { RegmeanError } from '../../shared/errors.ts';
import { baseFingerprint } from '../../shared/formats/base-fingerprint.ts';
import { requireGraphModel } from '../../shared/formats/model-format.ts';
import { withModel } from '../../shared/formats/open-model.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import { type ServerSecurity, serverCredentials } from '../../shared/wire/credentials.ts';
import { readRecipe } from '../recipe/read-recipe.ts';
import { refinementsOf } from '../recipe/recipe.ts';
import { claimRound } from '../round/round-claim.ts';
import { startRound } from '../round/round-controller.ts';
import type { RoundEvent } from '../round/round-events.ts';
import { openRound, type StoredRound } from '../round/round-store.ts';
import { limitsFor, type UploadLimits } from '../round/upload-limits.ts';
import type { Log } from './log.ts';
import { createRoundWork } from './round-work.ts';
import { startServer } from './server.ts';

/** How long no agent may have asked for anything before a merger with `exitWhenFinished` ends. */
const quietMs = { merged: 10_000, failed: 1_000 };

/** What a merger serves, where, and how privately. */
export interface ServeOptions extends ServerSecurity {
  /** Path of the recipe file. */
  readonly recipe: string;
  /** Folder of the store. */
  readonly store: string;
  /** `host:port`. */
  readonly listen: string;
  /**
   * Whether to end once the round is merged or has failed, and agents have had time to hear of it
   * and to fetch the model.
   */
  readonly exitWhenFinished?: boolean;
}

/** Who is told what happens, and what stops the service. */
export interface ServeCircumstances {
  readonly context: RunContext;
  readonly log: Log;
  /** Told the address, with its port, once agents can connect. */
  readonly onListening?: (address: string) => void;
}

/**
 * Serves a round until the signal asks to stop, or until it is finished when that is asked for.
 *
 * @throws RegmeanError when the flags or the recipe are wrong, the base's family is not known, the
 *   port is in use, or the round failed
 */
export async function serve(options: ServeOptions, circumstances: ServeCircumstances): Promise<void> {
  const credentials = await serverCredentials(options);
  const recipe = await readRecipe(options.recipe);
  const round = await openRound(options.store, recipe, baseFingerprint);
  await requireKnownTensors(round);
  const releaseRound = await claimRound(round.paths.dir);
  try {
    await serveRound(options, round, credentials, circumstances);
  } finally {
    await releaseRound();
  }
}

async function serveRound(
  options: ServeOptions,
  round: StoredRound,
  credentials: ServerCredentials,
  { context, log, onListening }: ServeCircumstances,
): Promise<void> {
  const { recipe } = round;
  const stopWork = new AbortController();
  const work = createRoundWork(round, { compute: context.compute, signal: stopWork.signal });
  const controller = await startRound(round, work, await limitsOf(round));
  const { state, failure } = controller.standing();
  log.info('round', { name: recipe.name, state, failure, base: round.base.fingerprint });
  controller.subscribe((event) => logEvent(log, event));
  const mutualTls = options.clientCa !== undefined;
  const stopRequest = context.signal;
  const server = await startServer({ listen: options.listen, credentials, mutualTls, controller, log });
  const security = options.plaintext === true ? 'plaintext' : mutualTls ? 'mutual-tls' : 'tls';
  const address = options.listen.replace(/\d+$/, String(server.port));
  log.info('listening', { address, security });
  onListening?.(address);

  const finished = new AbortController();
  if (options.exitWhenFinished === true) {
    void controller.finished().then(async () => {
      const hasFailed = controller.standing().state === 'failed';
      await server.activity.quiet(hasFailed ? quietMs.failed : quietMs.merged, stopRequest);
      finished.abort();
    });
  }
  await aborted(AbortSignal.any([stopRequest, finished.signal]));
  log.info('stopping', { reason: finished.signal.aborted ? 'the round is finished' : 'asked to stop' });
  stopWork.abort();
  await server.stop();
  const end = controller.standing();
  if (finished.signal.aborted && end.state === 'failed') {
    throw new RegmeanError('refused', `round ${recipe.name}: ${end.failure}`);
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}

/**
 * Refuses a base whose fine-tuned tensors cannot be told, before any agent has worked in vain: no
 * contribution to it could be checked.
 *
 * @throws RegmeanError `unsupported`
 */
async function requireKnownTensors({ paths, recipe }: StoredRound): Promise<void> {
  await withModel(paths.base, async (base) => {
    await base.tensorsFor(recipe.task, recipe.labels);
    if (!refinementsOf(recipe).includes('head')) return;
    requireGraphModel(base, (kinds) => `heads of ${kinds} cannot be fitted, leave merge.ridgeHead out`);
  });
}

async function limitsOf(round: StoredRound): Promise<UploadLimits> {
  const { paths, recipe } = round;
  return withModel(paths.base, async (base) =>
    limitsFor({
      shapes: new Map([...base.weights.tensors].map(([name, { shape }]) => [name, shape])),
      task: recipe.task,
      layers: (await base.linearLayers(recipe.task, recipe.labels))?.layers ?? null,
    }),
  );
}

function logEvent(log: Log, event: RoundEvent): void {
  switch (event.kind) {
    case 'upload':
      log.info('upload', { agent: event.agent, received: event.done, total: event.total });
      return;
    case 'checking':
      log.info('checking', { agent: event.agent });
      return;
    case 'accepted':
      log.info('accepted', { agent: event.agent, digest: event.digest });
      return;
    case 'refused':
      log.warn('refused', { agent: event.agent, reason: event.reason });
      return;
    case 'merge-progress':
      log.info('merging', { step: event.step, done: event.done, total: event.total });
      return;
    case 'scored':
      log.info('scored', { agent: event.agent });
      return;
    case 'refined':
      log.info('refined', { agent: event.agent });
      return;
    case 'state':
      log.info('state', { state: event.standing.state, failure: event.standing.failure });
  }
}
