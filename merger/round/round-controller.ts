/**
 * @file The life of one round: uploads begin, are checked and stored, and when the round is
 *   complete it merges; where the merge is chosen by scores, candidates are made and scored first;
 *   where agents are asked again, an interim merge is made, and they are.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readCandidateSet } from '../../shared/candidates/candidate-set.ts';
import { messageOf, RegmeanError } from '../../shared/errors.ts';
import { digestOfFiles, totalBytes } from '../../shared/wire/folder-files.ts';
import { acceptScores } from '../auto/accept-scores.ts';
import { deadlineOf, quorumOf, type Refinement } from '../recipe/recipe.ts';
import { isAnswered, requireContributed, type SentBefore, sentBefore } from './asked-again.ts';
import {
  doNextMerge,
  type OnProgress,
  type RoundFiles,
  type RoundWork,
  removeUnchosen,
} from './heavy-work.ts';
import { type IncomingUpload, openUpload } from './incoming-upload.ts';
import { readRefinements, storeRefinement } from './refinement-store.ts';
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
import { type AgentView, heardOf, readAgent } from './round-view.ts';
import { type AgentScores, readScoring, storeScores } from './scoring-store.ts';
import type { UploadLimits } from './upload-limits.ts';
import {
  checkDeclaration,
  checkManifest,
  checkRefinement,
  digestOf,
  type UploadManifest,
} from './upload-manifest.ts';
import { type AlreadyStored, type UploadTurn, UploadTurns } from './upload-turns.ts';

/** The longest delay that a timer takes, in milliseconds. */
const maxTimerMs = 2 ** 31 - 1;

/** Serves a stored round: continues where its files say that it stands. */
export async function startRound(
  round: StoredRound,
  work: RoundWork,
  limits: UploadLimits,
): Promise<RoundController> {
  const { paths, recipe } = round;
  const files: RoundFiles = {
    contributed: await listContributed(paths),
    scoring: await readScoring(paths),
    refinements: await readRefinements(paths, recipe),
    merged: await isMerged(paths),
    mergeFailure: await readFailure(paths),
  };
  await mkdir(paths.incoming, { recursive: true });
  if (files.merged) await removeUnchosen(round);
  return new RoundController(round, { work, limits, files });
}

/** A round that is being served; `startRound` makes one. */
export class RoundController {
  readonly round: StoredRound;
  readonly #work: RoundWork;
  readonly #limits: UploadLimits;
  readonly #events = createRoundEvents();
  readonly #turns = new UploadTurns();
  /** Agent -> the check of its contribution that is under way. */
  readonly #checks = new Map<string, Promise<string>>();
  /** What the files say, as far as it is known without reading them again. */
  #files: RoundFiles;
  #reading: Promise<void> = Promise.resolve();
  #announced: RoundStanding['state'] = 'open';
  #isMerging = false;
  #isClosed = false;
  #clock: NodeJS.Timeout | undefined;

  constructor(
    round: StoredRound,
    { work, limits, files }: { work: RoundWork; limits: UploadLimits; files: RoundFiles },
  ) {
    this.round = round;
    this.#work = work;
    this.#limits = limits;
    this.#files = files;
    this.#advance();
  }

  standing(): RoundStanding {
    const { recipe } = this.round;
    return standingOf({
      ...this.#files,
      agents: recipe.agents,
      quorum: quorumOf(recipe),
      deadline: deadlineOf(recipe),
      now: Date.now(),
    });
  }

  agents(): Promise<AgentView[]> {
    const { paths, recipe } = this.round;
    const heard = heardOf(this.#files);
    return Promise.all(
      recipe.agents.map(async (name) => {
        const agent = await readAgent(paths, name, heard);
        const isChecked = agent.state === 'uploading' && this.#checks.has(name);
        return isChecked ? { ...agent, state: 'validating' } : agent;
      }),
    );
  }

  /** @returns how to unsubscribe */
  subscribe(listener: RoundListener): () => void {
    return this.#events.subscribe(listener);
  }

  /**
   * Begins or takes up an upload.
   *
   * @param received the manifest as it arrived
   * @throws RegmeanError when the agent is not expected, the round is closed, or the manifest
   *   breaks a rule
   */
  async begin(received: unknown): Promise<UploadTurn | AlreadyStored> {
    const manifest = checkManifest(received, this.#limits);
    const { agent } = manifest;
    const { recipe, base } = this.round;
    if (!recipe.agents.includes(agent)) {
      throw new RegmeanError(
        'refused',
        `${agent}: must be one of the round's agents (${recipe.agents.join(', ')})`,
      );
    }
    await this.#checks.get(agent)?.catch(() => {});
    const digest = digestOf(manifest);
    const { wanted } = this.standing();
    const { contributed } = this.#files;
    const before =
      wanted === undefined ? undefined : await sentBefore(this.round, { agent, contributed, wanted });
    const isThere =
      before === undefined
        ? await this.#isStored(manifest, digest)
        : await isAnswered(this.round, before, digest);
    if (isThere) return { alreadyStored: true, digest };
    if (before === undefined) this.#requireOpen(agent);
    const { task, labels } = recipe;
    checkDeclaration(manifest, { baseFingerprint: base.fingerprint, task, labels });
    if (before !== undefined) checkRefinement(manifest, before.files, before.wanted);
    return this.#takeTurn(manifest, before);
  }

  /**
   * Stores what an agent tells of the candidates.
   *
   * @param received the scores as they arrived; null from an agent without data
   * @throws RegmeanError when no scores of the agent are awaited, or they break a rule
   */
  async score(agent: string, received: AgentScores): Promise<void> {
    const { paths, recipe } = this.round;
    const { state } = this.standing();
    if (state !== 'scoring') {
      throw new RegmeanError('refused', `${agent}: the round ${recipe.name} is ${state}, it takes no scores`);
    }
    requireContributed(agent, this.#files.contributed);
    if (received !== null) acceptScores(await readCandidateSet(paths.candidates), agent, received);
    await storeScores(paths, agent, received);
    await this.#read(async () => ({ scoring: await readScoring(paths) }));
    this.#events.emit({ kind: 'scored', agent });
    this.#advance();
  }

  /** Resolves when the round is merged or has failed, to that standing. */
  finished(): Promise<RoundStanding> {
    const isFinal = ({ state }: RoundStanding): boolean => state === 'merged' || state === 'failed';
    const now = this.standing();
    if (isFinal(now)) return Promise.resolve(now);
    return new Promise((resolve) => {
      const stop = this.subscribe((event) => {
        if (event.kind !== 'state' || !isFinal(event.standing)) return;
        stop();
        resolve(event.standing);
      });
    });
  }

  /** Ends every turn and timer. */
  async close(): Promise<void> {
    const stopping = new RegmeanError('network', 'the merger is stopping');
    this.#isClosed = true;
    this.#events.emit({ kind: 'stopping', reason: stopping });
    clearTimeout(this.#clock);
    await this.#turns.stopAll(stopping);
  }

  /**
   * Whether this contribution is there already.
   *
   * @throws RegmeanError `refused` when another of the agent is, which is not to be replaced
   */
  async #isStored({ agent, replace }: UploadManifest, digest: string): Promise<boolean> {
    const stored = await readContributedFiles(this.round.paths, agent);
    if (stored === undefined) return false;
    if (digestOfFiles(stored) === digest) return true;
    if (replace) return false;
    throw new RegmeanError('refused', `${agent}: another contribution of this agent is stored already`, {
      hint: 'pass --replace to put this one in its place',
    });
  }

  #requireOpen(agent: string): void {
    const { state, failure } = this.standing();
    if (state === 'open') return;
    const reason = failure === undefined ? '' : `: ${failure}`;
    const { name } = this.round.recipe;
    throw new RegmeanError('refused', `${agent}: the round ${name} is ${state}, not open${reason}`);
  }

  async #takeTurn(manifest: UploadManifest, before: SentBefore | undefined): Promise<UploadTurn> {
    const { agent } = manifest;
    const superseded = new RegmeanError(
      'interrupted',
      `${agent}: a newer connection of this agent took over`,
    );
    const turn = await this.#turns.take(agent, superseded);
    const folder = join(this.round.paths.incoming, agent);
    const upload = await openUpload(folder, manifest, before).catch((error: unknown) => {
      turn.end();
      throw error;
    });
    const done = upload.offsets().reduce((sum, { offset }) => sum + offset, 0);
    this.#events.emit({ kind: 'upload', agent, done, total: totalBytes(manifest.files) });
    return {
      alreadyStored: false,
      upload,
      signal: turn.signal,
      commit: () => {
        const committed = this.#checkAndStore(upload, before?.wanted).finally(() =>
          this.#checks.delete(agent),
        );
        this.#checks.set(agent, committed);
        return committed;
      },
      end: () => upload.close().finally(turn.end),
    };
  }

  async #checkAndStore(upload: IncomingUpload, wanted: Refinement | undefined): Promise<string> {
    const { paths, recipe } = this.round;
    const { agent } = upload.manifest;
    await this.#check(upload, wanted);
    const digest = digestOf(upload.manifest);
    if (wanted === undefined) {
      this.#requireOpen(agent);
      await storeContribution(paths, agent);
      await this.#read(async () => ({ contributed: await listContributed(paths) }));
      this.#events.emit({ kind: 'accepted', agent, digest });
    } else {
      this.#requireWanted(agent, wanted);
      await storeRefinement(paths, wanted, agent);
      await this.#read(async () => ({ refinements: await readRefinements(paths, recipe) }));
      this.#events.emit({ kind: 'refined', agent });
    }
    this.#advance();
    return digest;
  }

  #requireWanted(agent: string, wanted: Refinement): void {
    const standing = this.standing();
    if (standing.wanted === wanted) return;
    const { name } = this.round.recipe;
    throw new RegmeanError(
      'refused',
      `${agent}: the round ${name} is ${standing.state}, it awaits no ${wanted}`,
    );
  }

  /** Checks what was sent; what breaks a rule is thrown away. */
  async #check(upload: IncomingUpload, wanted: Refinement | undefined): Promise<void> {
    const { agent } = upload.manifest;
    this.#events.emit({ kind: 'checking', agent });
    try {
      await upload.complete();
      await this.#work.validate(upload.folder, agent, wanted);
    } catch (error) {
      if (error instanceof RegmeanError && error.code !== 'interrupted') {
        await rm(join(this.round.paths.incoming, agent), { recursive: true, force: true });
        this.#events.emit({ kind: 'refused', agent, reason: error.message });
      }
      throw error;
    }
  }

  /** Reads files again, one reading after the other: none overwrites a later one. */
  #read(news: () => Promise<Partial<RoundFiles>>): Promise<void> {
    const read = this.#reading.then(async () => {
      const known = await news();
      this.#files = { ...this.#files, ...known };
    });
    this.#reading = read.catch(() => {});
    return read;
  }

  /** Announces a change of the state and starts the merge when it is time. */
  #advance(): void {
    if (this.#isClosed) return;
    const now = this.standing();
    if (now.state !== this.#announced) {
      this.#announced = now.state;
      this.#events.emit({ kind: 'state', standing: now });
    }
    if (now.state === 'merging' && !this.#isMerging) void this.#merge();
    this.#watchClock(now);
  }

  async #merge(): Promise<void> {
    this.#isMerging = true;
    const tell: OnProgress = (step, done, total) =>
      this.#events.emit({ kind: 'merge-progress', step, done, total });
    try {
      await this.#read(await doNextMerge(this.round, this.#files, this.#work, tell));
    } catch (error) {
      if (this.#isClosed) return;
      const mergeFailure = messageOf(error);
      // Recorded before it is told. One that cannot be recorded is met again by the next start,
      // which merges once more.
      await writeFailure(this.round.paths, mergeFailure).catch(() => {});
      this.#files = { ...this.#files, mergeFailure };
    } finally {
      this.#isMerging = false;
    }
    this.#advance();
  }

  /** Looks at the state again when the time has come that it waits for. */
  #watchClock({ state, until }: RoundStanding): void {
    clearTimeout(this.#clock);
    const moment = state === 'open' ? deadlineOf(this.round.recipe) : until;
    if (moment === undefined) return;
    const wait = Math.min(Math.max(moment - Date.now(), 0), maxTimerMs);
    this.#clock = setTimeout(() => this.#advance(), wait);
  }
}
