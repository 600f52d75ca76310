/**
 * @file The candidates of a round whose merge is chosen by the agents' scores, as plain files of
 *   the round's folder (see round-store.ts):
 *
 *     candidates/          a model folder for each candidate; it comes here by one rename
 *     scoring.json         until when scores are awaited; there from when the candidates are
 *     scores/<agent>.json  an agent's scores
 */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type CandidateScores, candidateScoresSchema } from '../../shared/candidates/candidate-scores.ts';
import { listFolder } from '../../shared/files/atomic-folder.ts';
import { writeJsonAtomically } from '../../shared/files/atomic-write.ts';
import { readJson } from '../../shared/files/read-json.ts';
import type { RoundPaths } from './round-paths.ts';
import { readUntil, writeUntil } from './until-record.ts';

const storedScores = candidateScoresSchema.nullable();

/** What an agent says of the candidates; null when it has no data to score them on. */
export type AgentScores = CandidateScores | null;

/** What is known of the scoring of a round. */
export interface ScoringFacts {
  /** When waiting for scores ends, in milliseconds since 1970. */
  readonly until: number;
  /** The agents that have scored, or said that they have no data, sorted. */
  readonly scored: readonly string[];
}

/** What the files say; undefined before there are candidates. */
export async function readScoring(paths: RoundPaths): Promise<ScoringFacts | undefined> {
  if (!((await listFolder(paths.dir)) ?? []).includes('scoring.json')) return undefined;
  return { until: await readUntil(paths.scoring), scored: await listScored(paths) };
}

/** Records that the candidates are there. */
export async function beginScoring(paths: RoundPaths, until: number): Promise<ScoringFacts> {
  await mkdir(paths.scores, { recursive: true });
  await writeUntil(paths.scoring, until);
  return { until, scored: await listScored(paths) };
}

/** Stores what an agent sent, in the place of what it sent before. */
export async function storeScores(paths: RoundPaths, agent: string, scores: AgentScores): Promise<void> {
  await writeJsonAtomically(join(paths.scores, `${agent}.json`), scores);
}

/** What the agents sent, in the order of their names. */
export async function readScores(paths: RoundPaths): Promise<ReadonlyMap<string, AgentScores>> {
  const scores = new Map<string, AgentScores>();
  for (const agent of await listScored(paths)) {
    scores.set(agent, await readJson(join(paths.scores, `${agent}.json`), storedScores));
  }
  return scores;
}

/** The scores that agents sent, without those of agents that have no data. */
export async function readGivenScores(paths: RoundPaths): Promise<ReadonlyMap<string, CandidateScores>> {
  const all = [...(await readScores(paths))];
  return new Map(all.flatMap(([agent, own]) => (own === null ? [] : [[agent, own]])));
}

/** Forgets candidates and scores: the round is to be merged in another way. */
export async function forgetScoring(paths: RoundPaths): Promise<void> {
  // The record first: without it candidates are made anew.
  await rm(paths.scoring, { force: true });
  await rm(paths.scores, { recursive: true, force: true });
  await removeCandidates(paths);
}

/** Removes the candidates; each is as large as the fused model. */
export async function removeCandidates(paths: RoundPaths): Promise<void> {
  await rm(paths.candidates, { recursive: true, force: true });
}

async function listScored(paths: RoundPaths): Promise<readonly string[]> {
  const names = await readdir(paths.scores).catch(() => []);
  return names
    .filter((name) => name.endsWith('.json') && !name.startsWith('.'))
    .map((name) => name.slice(0, -'.json'.length))
    .sort();
}
