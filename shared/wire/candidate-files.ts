/** @file Names of files of candidates, as FetchCandidate takes them. */
import { agentOfFile } from './agent-models.ts';

/** The name of a file of a candidate's folder. */
export function candidateFileName(candidate: string, file: string): string {
  return `${candidate}/${file}`;
}

/** Which agent's own model a name is of; undefined for the one that all agents share. */
export function agentOfCandidateFile(name: string): string | undefined {
  return agentOfFile(name.slice(name.indexOf('/') + 1));
}
