/**
 * @file The candidates of a round as they travel: what is told of them, and whose files are sent.
 */
import { join } from 'node:path';
import { readCandidateSet } from '../../shared/candidates/candidate-set.ts';
import { agentFileName, listAgentModels } from '../../shared/wire/agent-models.ts';
import { candidateFileName } from '../../shared/wire/candidate-files.ts';
import { type FolderFile, listFolderFiles } from '../../shared/wire/folder-files.ts';
import type { Candidate__Output } from '../../shared/wire/generated/regmean/v1/Candidate.ts';

/** What is told of the candidates. */
export interface CandidatesOnWire {
  readonly set: string;
  readonly candidates: readonly Candidate__Output[];
}

/** Lists the candidates of a folder, with the files that travel. */
export async function describeCandidates(folder: string): Promise<CandidatesOnWire> {
  const { digest, candidates: listed } = await readCandidateSet(folder);
  const candidates: Candidate__Output[] = [];
  for (const { name, title } of listed) {
    const own = join(folder, name);
    const agentModels = await listAgentModels(own);
    candidates.push({
      ...{ name, title, files: await listFolderFiles(own) },
      agentModels: agentModels.map(({ agent, files }) => ({ agent, files: [...files] })),
    });
  }
  return { set: digest, candidates };
}

/** All files of the candidates, by the names that FetchCandidate takes. */
export function candidateFiles({ candidates }: CandidatesOnWire): readonly FolderFile[] {
  return candidates.flatMap(({ name: candidate, files, agentModels }) => [
    ...files.map((file) => ({ ...file, name: candidateFileName(candidate, file.name) })),
    ...agentModels.flatMap((model) =>
      model.files.map((file) => ({
        ...file,
        name: candidateFileName(candidate, agentFileName(model.agent, file.name)),
      })),
    ),
  ]);
}
