/**
 * @file The life of one round: uploads begin, are checked and stored, and when the round is
 *   complete it merges.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, RegmeanError } from '../../shared/errors.ts';
import { digestOfFiles, totalBytes } from '../../shared/wire/folder-files.ts';
import { deadlineOf, quorumOf } from '../recipe/recipe.ts';
import { type IncomingUpload, openUpload } from './incoming-upload.ts';
import { createRoundEvents, type RoundListener } from './round-events.ts';
import { type RoundStanding, standingOf } from './round-state.ts';
import {
  isMerged,
  listContributed,
  readContributedFiles,
  readFailure,
  type StoredRound,
  storeContribution,
  writeFailure,
} from './round-store.ts';
import { type AgentView, readAgent } from './round-view.ts';
import type { UploadLimits } from './upload-limits.ts';
import { checkDeclaration, checkManifest, digestOf } from './upload-manifest.ts';

/** The longest delay that a timer takes, in milliseconds. */
const maxTimerMs = 2 ** 31 - 1;

/** The heavy work of a round, done elsewhere so that the service keeps answering. */
export interface RoundWork {
  /**
   * Checks a complete contribution folder; throws a RegmeanError that names the tensor and the
   * rule.
   */
  validate(folder: string, agent: string): Promise<void>;
  /**
   * Merges the contributions of `agents` into the round's `merged` folder, which appears in one
   * rename.
   */
  merge(
    agents: readonly string[],
    onProgress: (step: string, done: number, total: number) => void,
  ): Promise<void>;
}

/** A contribution that was stored before. */
export interface AlreadyStored {
  readonly alreadyStored: true;
  readonly digest: string;
}

/** One agent's turn to upload. A newer turn of the same agent ends it. */
export interface UploadTurn {
  readonly alreadyStored: false;
  readonly upload: IncomingUpload;
  /**
   * Aborted, with a RegmeanError as its reason, when a newer turn took over or the merger stops.
   */
  readonly signal: AbortSignal;
  /**
   * Checks and stores the upload; goes on even when the agent goes away. Resolves to the
   * contribution's digest.
   */
  commit(): Promise<string>;
  /** Ends the turn; what was received stays for the next one. */
  end(): Promise<void>;
}

interface Turn {
  readonly abort: AbortController;
  readonly ended: Promise<void>;
}

/** A round that is being served. */
export interface RoundController {
  readonly round: StoredRound;
  standing(): RoundStanding;
  agents(): Promise<AgentView[]>;
  subscribe(listener: RoundListener): () => void;
  /**
   * Begins or takes up an upload.
   *
   * @param received the manifest as it arrived
   * @throws RegmeanError when the agent is not expected, the round is closed, or the manifest
   *   breaks a rule
   */
  begin(received: unknown): Promise<UploadTurn | AlreadyStored>;
  /** Resolves when the round is merged or has failed, to that standing. */
  finished(): Promise<RoundStanding>;
  /** Ends every turn and timer. */
  close(): Promise<void>;
}

/** Serves a stored round: continues where its files say that it stands. */
export async function startRound(
  round: StoredRound,
  work: RoundWork,
  limits: UploadLimits,
): Promise<RoundController> {
  const { paths, recipe } = round;
  const events = createRoundEvents();
  const turns = new Map<string, Turn>();
  const validating = new Map<string, Promise<string>>();
  let contributed = await listContributed(paths);
  let merged = await isMerged(paths);
  let mergeFailure = await readFailure(paths);
  let announced: RoundStanding['state'] = 'open';
  let mergeRunning = false;
  let closed = false;
  let deadlineTimer: NodeJS.Timeout | undefined;

  const standing = (): RoundStanding =>
    standingOf({
      agents: recipe.agents,
      contributed,
      quorum: quorumOf(recipe),
      deadline: deadlineOf(recipe),
      now: Date.now(),
      merged,
      mergeFailure,
    });

  const requireOpen = (agent: string): void => {
    const { state, failure } = standing();
    if (state === 'open') return;
    const reason = failure === undefined ? '' : `: ${failure}`;
    throw new RegmeanError('refused', `${agent}: the round ${recipe.name} is ${state}, not open${reason}`);
  };

  const merge = async (): Promise<void> => {
    mergeRunning = true;
    try {
      await work.merge(contributed, (step, done, total) =>
        events.emit({ kind: 'merge-progress', step, done, total }),
      );
      merged = true;
    } catch (error) {
      if (closed) return;
      // Recorded before it is told. One that cannot be recorded is met again by the next start,
      // which merges once more.
      await writeFailure(paths, messageOf(error)).catch(() => {});
      mergeFailure = messageOf(error);
    } finally {
      mergeRunning = false;
    }
    advance();
  };

  /** Announces a change of the state and starts the merge when it is time. */
  const advance = (): void => {
    if (closed) return;
    const now = standing();
    if (now.state !== announced) {
      announced = now.state;
      events.emit({ kind: 'state', standing: now });
    }
    if (now.state === 'merging' && !mergeRunning) void merge();
  };

  const scheduleDeadline = (): void => {
    const deadline = deadlineOf(recipe);
    if (deadline === undefined || closed) return;
    const wait = deadline - Date.now();
    deadlineTimer = setTimeout(
      wait > maxTimerMs ? scheduleDeadline : advance,
      Math.min(Math.max(wait, 0), maxTimerMs),
    );
  };

  const validateAndStore = async (upload: IncomingUpload): Promise<string> => {
    const { agent } = upload.manifest;
    const digest = digestOf(upload.manifest);
    events.emit({ kind: 'checking', agent });
    try {
      await upload.complete();
      await work.validate(upload.folder, agent);
    } catch (error) {
      if (error instanceof RegmeanError && error.code !== 'interrupted') {
        await rm(join(paths.incoming, agent), { recursive: true, force: true });
        events.emit({ kind: 'refused', agent, reason: error.message });
      }
      throw error;
    }
    requireOpen(agent);
    await storeContribution(paths, agent);
    contributed = await listContributed(paths);
    events.emit({ kind: 'accepted', agent, digest });
    advance();
    return digest;
  };

  const begin: RoundController['begin'] = async (received) => {
    const manifest = checkManifest(received, limits);
    const { agent } = manifest;
    if (!recipe.agents.includes(agent)) {
      throw new RegmeanError(
        'refused',
        `${agent}: must be one of the round's agents (${recipe.agents.join(', ')})`,
      );
    }
    const digest = digestOf(manifest);
    await validating.get(agent)?.catch(() => {});
    const stored = await readContributedFiles(paths, agent);
    if (stored !== undefined) {
      if (digestOfFiles(stored) === digest) return { alreadyStored: true, digest };
      if (!manifest.replace) {
        throw new RegmeanError('refused', `${agent}: another contribution of this agent is stored already`, {
          hint: 'pass --replace to put this one in its place',
        });
      }
    }
    requireOpen(agent);
    checkDeclaration(manifest, {
      baseFingerprint: round.base.fingerprint,
      task: recipe.task,
      labels: recipe.labels,
    });
    const superseded = new RegmeanError(
      'interrupted',
      `${agent}: a newer connection of this agent took over`,
    );
    while (turns.has(agent)) await endTurn(turns, agent, superseded);
    return takeTurn(manifest);
  };

  const takeTurn = async (manifest: ReturnType<typeof checkManifest>): Promise<UploadTurn> => {
    const { agent } = manifest;
    const abort = new AbortController();
    let markEnded = (): void => {};
    const ended = new Promise<void>((resolve) => {
      markEnded = resolve;
    });
    turns.set(agent, { abort, ended });
    const upload = await openUpload(join(paths.incoming, agent), manifest);
    const done = upload.offsets().reduce((sum, { offset }) => sum + offset, 0);
    events.emit({ kind: 'upload', agent, done, total: totalBytes(manifest.files) });
    return {
      alreadyStored: false,
      upload,
      signal: abort.signal,
      commit() {
        const committed = validateAndStore(upload).finally(() => validating.delete(agent));
        validating.set(agent, committed);
        return committed;
      },
      async end() {
        try {
          await upload.close();
        } finally {
          if (turns.get(agent)?.abort === abort) turns.delete(agent);
          markEnded();
        }
      },
    };
  };

  await mkdir(paths.incoming, { recursive: true });
  scheduleDeadline();
  advance();

  return {
    round,
    standing,
    begin,
    subscribe: events.subscribe,
    agents: () =>
      Promise.all(
        recipe.agents.map(async (name) => {
          const agent = await readAgent(paths, name);
          return agent.state === 'uploading' && validating.has(name)
            ? { ...agent, state: 'validating' }
            : agent;
        }),
      ),
    finished: () =>
      new Promise((resolve) => {
        const isFinal = ({ state }: RoundStanding): boolean => state === 'merged' || state === 'failed';
        if (isFinal(standing())) {
          resolve(standing());
          return;
        }
        const stop = events.subscribe((event) => {
          if (event.kind !== 'state' || !isFinal(event.standing)) return;
          stop();
          resolve(event.standing);
        });
      }),
    async close() {
      const stopping = new RegmeanError('network', 'the merger is stopping');
      closed = true;
      events.emit({ kind: 'stopping', reason: stopping });
      clearTimeout(deadlineTimer);
      await Promise.all([...turns.keys()].map((agent) => endTurn(turns, agent, stopping)));
    },
  };
}

/** Ends the turn that an agent has now, if any, and waits until its files are closed. */
async function endTurn(turns: ReadonlyMap<string, Turn>, agent: string, reason: RegmeanError): Promise<void> {
  const turn = turns.get(agent);
  if (turn === undefined) return;
  turn.abort.abort(reason);
  await turn.ended;
}
