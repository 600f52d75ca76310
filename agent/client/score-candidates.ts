/**
 * @file An agent's part in the choice of the merge: it fetches the candidates one by one, scores
 *   each on its own data, and sends the scores, a kilobyte. The data stay.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { withWholeModel } from '../../shared/adapters/with-whole-model.ts';
import type { CandidateScores } from '../../shared/candidates/candidate-scores.ts';
import { type ColumnNames, withAdvice } from '../../shared/data/column-names.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { scoreFolder } from '../../shared/inference/score-folder.ts';
import { createSharedData } from '../../shared/inference/shared-data.ts';
import { type RunContext, withoutProgress } from '../../shared/runtime/run-context.ts';
import type { MergerConnection } from '../../shared/wire/connection.ts';
import type { Candidate__Output } from '../../shared/wire/generated/regmean/v1/Candidate.ts';
import { getRound } from '../../shared/wire/get-round.ts';
import type { RetryOptions } from '../../shared/wire/with-retries.ts';
import { fetchBase } from './fetch-base.ts';
import { fetchFolder } from './fetch-folder.ts';
import { roundTask } from './round-task.ts';
import { sendScores } from './send-scores.ts';
import { transferProgress } from './transfer-progress.ts';

/** Who scores, on what. */
export interface ScoreCandidatesOptions {
  /** The agent's name in the round. */
  readonly name: string;
  /** Labelled data that the agent was not fine-tuned on; none says that it cannot score. */
  readonly dataFiles: readonly string[];
  /** What their columns are called, where neither the usual names nor the round say it. */
  readonly columns?: ColumnNames | undefined;
  /** The round's base, where it was fetched: adapters are scored on it. */
  readonly base?: string;
  /** Folder that each candidate lies in while it is scored. */
  readonly folder: string;
}

/** What came of it. */
export interface ScoreCandidatesResult {
  /** What was sent; null when the agent has no data, has scored before, or came too late. */
  readonly scores: CandidateScores | null;
  readonly bytesReceived: number;
}

/**
 * Scores the candidates of a round that awaits scores. Called again after a stop, it continues. A
 * round that no longer awaits the agent's scores is left as it is.
 *
 * @throws RegmeanError when a candidate cannot be fetched or scored, or the merger refuses scores
 */
export async function scoreCandidates(
  connection: MergerConnection,
  retry: Omit<RetryOptions, 'address'>,
  options: ScoreCandidatesOptions,
  context: RunContext,
): Promise<ScoreCandidatesResult> {
  const { name, dataFiles, folder } = options;
  const round = await getRound(connection, retry);
  const { scoring, agents } = round;
  const hasScored = agents.some((agent) => agent.name === name && agent.hasScored);
  if (!scoring || hasScored) return { scores: null, bytesReceived: 0 };
  const { set, candidates } = scoring;
  let bytesReceived = 0;
  const send = async (scores: CandidateScores['scores']): Promise<void> => {
    await sendScores(connection, retry, { agent: name, set, scores });
  };
  try {
    if (dataFiles.length === 0) {
      context.note(`${name}: scores no candidates, and says so`);
      await send([]);
      return { scores: null, bytesReceived };
    }
    const task = roundTask(round);
    const files = createSharedData({ task, columns: withAdvice(options.columns, round.data) });
    const data = { task, files, dataFiles, maxLength: round.training?.maxLength };
    const scores: CandidateScores['scores'] = [];
    let { base } = options;
    if (base === undefined && round.training?.lora) {
      base = join(folder, 'base');
      bytesReceived += (await fetchBase(connection, round.base, { ...retry, out: base })).bytesReceived;
    }
    for (const [index, candidate] of candidates.entries()) {
      const out = join(folder, candidate.name);
      const label = `fetching candidate ${index + 1} of ${candidates.length}, ${candidate.title}`;
      bytesReceived += await fetchCandidate(connection, retry, { candidate, name, out, label }, context);
      const { main, metrics, examples } = await withWholeModel(out, { base, task }, (model) =>
        scoreFolder({ folder: model, name: candidate.title }, data, withoutProgress(context)),
      );
      const value = metrics[main] ?? Number.NaN;
      context.note(`${candidate.title}: ${main} ${value.toFixed(4)} on ${examples} examples`);
      scores.push({ candidate: candidate.name, metric: main, value, examples });
      await rm(out, { recursive: true, force: true });
    }
    await send(scores);
    return { scores: { set, scores }, bytesReceived };
  } catch (error) {
    if (!(await isTooLate(error, connection, retry))) throw error;
    context.note(`${name}: the round no longer awaits scores`);
    return { scores: null, bytesReceived };
  } finally {
    if (!context.signal.aborted) await rm(folder, { recursive: true, force: true });
  }
}

interface CandidateFetch {
  readonly candidate: Candidate__Output;
  /** The agent, whose own model is fetched where heads are kept apart. */
  readonly name: string;
  readonly out: string;
  readonly label: string;
}

async function fetchCandidate(
  connection: MergerConnection,
  retry: Omit<RetryOptions, 'address'>,
  { candidate, name, out, label }: CandidateFetch,
  context: RunContext,
): Promise<number> {
  const own = candidate.agentModels.find(({ agent }) => agent === name);
  const progress = transferProgress(label, context);
  const { bytesReceived } = await fetchFolder(connection, {
    ...{ ...retry, ...progress, what: 'candidate', candidate: candidate.name, out },
    files: own?.files ?? candidate.files,
    ...(own === undefined ? {} : { agent: name }),
  });
  progress.finish();
  return bytesReceived;
}

/** Whether something was refused because the round has gone on. */
async function isTooLate(
  error: unknown,
  connection: MergerConnection,
  retry: Omit<RetryOptions, 'address'>,
): Promise<boolean> {
  if (!(error instanceof RegmeanError) || error.code !== 'refused') return false;
  return (await getRound(connection, retry)).state !== 'ROUND_STATE_SCORING';
}
