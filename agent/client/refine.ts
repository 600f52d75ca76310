/**
 * @file What an agent does when it is asked again about a merge of what the agents sent: it fetches
 *   that interim model, computes in it what is wanted, and sends it. Its weights do not travel
 *   again.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ColumnNames } from '../../shared/data/column-names.ts';
import { withAdvice } from '../../shared/data/column-names.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { exists } from '../../shared/files/present.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import type { MergerConnection } from '../../shared/wire/connection.ts';
import type { Refining__Output } from '../../shared/wire/generated/regmean/v1/Refining.ts';
import { getRound } from '../../shared/wire/get-round.ts';
import type { RetryOptions } from '../../shared/wire/with-retries.ts';
import { statisticsDefaults } from '../statistics/statistics-options.ts';
import { collectAgain, collectWithHead } from '../steps/collect-again.ts';
import { contribute } from './contribute.ts';
import { fetchFolder } from './fetch-folder.ts';
import { gramFormWanted } from './gram-form-wanted.ts';
import { roundTask } from './round-task.ts';
import { transferProgress } from './transfer-progress.ts';
import { checksumsOf, stepFolder } from './work-folder.ts';

/** What an agent brings. */
export interface RefineOptions {
  /** Its name in the round. */
  readonly name: string;
  /** The contribution that it sent. */
  readonly contribution: string;
  /** The data that it was fine-tuned on. */
  readonly dataFiles: readonly string[];
  /** What their columns are called, where neither the usual names nor the round say it. */
  readonly columns?: ColumnNames | undefined;
  /** Folder for the interim model and the new contribution. */
  readonly work: string;
}

/** What came of it. */
export interface RefineResult {
  /** False when the round does not ask this agent, or came too late. */
  readonly isSent: boolean;
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

/**
 * Sends what a round asks for again. Called again after a stop, it continues. A round that does not
 * ask this agent is left as it is.
 *
 * @throws RegmeanError when the interim model cannot be fetched or is of no use, or the merger
 *   refuses what is sent
 */
export async function refine(
  connection: MergerConnection,
  retry: Omit<RetryOptions, 'address'>,
  { name, contribution, dataFiles, columns, work }: RefineOptions,
  context: RunContext,
): Promise<RefineResult> {
  const round = await getRound(connection, retry);
  const { refining, agents } = round;
  const hasRefined = agents.some((agent) => agent.name === name && agent.hasRefined);
  if (!refining || hasRefined) return { isSent: false, bytesSent: 0, bytesReceived: 0 };
  const wanted = knownWanted(refining);
  const own = refining.agentModels.find(({ agent }) => agent === name);
  const files = own?.files ?? refining.files;
  const { batchSize = statisticsDefaults.batchSize, maxLength } = round.training ?? {};
  const options = {
    task: roundTask(round),
    dataFiles,
    columns: withAdvice(columns, round.data),
    batches: round.statistics?.batches ?? statisticsDefaults.batches,
    batchSize,
    seed: statisticsDefaults.seed,
    ...gramFormWanted(round),
    ...(maxLength === undefined ? {} : { maxLength }),
  };
  let [bytesSent, bytesReceived] = [0, 0];
  try {
    const made = { model: files, sent: contribution, data: await checksumsOf(dataFiles), options };
    const interim = await stepFolder(work, 'interim', { files }, context);
    const again = await stepFolder(work, answerFolders[wanted], made, context);
    if (!(await exists(again))) {
      const fetching = transferProgress('fetching the interim model', context);
      const what = {
        what: 'interim',
        files,
        out: interim,
        ...(own === undefined ? {} : { agent: name }),
      } as const;
      bytesReceived = (await fetchFolder(connection, { ...retry, ...fetching, ...what })).bytesReceived;
      fetching.finish();
      const before = await latestOf(work, contribution, wanted);
      const answer = { ...options, contribution: before, inputsFrom: interim, out: again };
      await answers[wanted](answer, context);
    }
    const sending = transferProgress('uploading', context);
    bytesSent = (await contribute(connection, { ...retry, ...sending, agent: name, dir: again })).bytesSent;
    sending.finish();
    await rm(interim, { recursive: true, force: true });
    return { isSent: true, bytesSent, bytesReceived };
  } catch (error) {
    if (!(await isTooLate(error, wanted, connection, retry))) throw error;
    context.note(`${name}: the round no longer awaits ${wanted}`);
    return { isSent: false, bytesSent, bytesReceived };
  }
}

/** What a round may ask for, and where it is made. */
const answerFolders = { grams: 'refined-grams', head: 'refined-head' } as const;

const answers = { grams: collectAgain, head: collectWithHead } as const;

function knownWanted({ wanted }: Refining__Output): keyof typeof answers {
  if (wanted === 'grams' || wanted === 'head') return wanted;
  const known = Object.keys(answers).join(' or ');
  throw new RegmeanError('unsupported', `the round must ask for ${known}, asks for ${wanted}`, {
    hint: 'take part with a newer version of regmean',
  });
}

/** What the agent sent last: what is asked for comes beside all else of it. */
async function latestOf(work: string, contribution: string, wanted: keyof typeof answers): Promise<string> {
  const before = join(work, answerFolders.grams);
  return wanted === 'head' && (await exists(before)) ? before : contribution;
}

/** Whether something was refused because the round has gone on. */
async function isTooLate(
  error: unknown,
  wanted: string,
  connection: MergerConnection,
  retry: Omit<RetryOptions, 'address'>,
): Promise<boolean> {
  if (!(error instanceof RegmeanError) || error.code !== 'refused') return false;
  return (await getRound(connection, retry)).refining?.wanted !== wanted;
}
