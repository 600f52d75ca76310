/** @file The models that are one agent's each, in a fused folder whose heads were kept apart. */
import { join } from 'node:path';
import { listFolder } from '../files/atomic-folder.ts';
import { type FolderFile, listFolderFiles } from './folder-files.ts';

/** Folder of the agents' models inside a fused folder. */
export const headsFolder = 'heads';

/** Folder of an agent's model, relative to the fused folder. */
export function headFolder(agent: string): string {
  return join(headsFolder, agent);
}

/** A model that is one agent's. */
export interface AgentModel {
  readonly agent: string;
  readonly files: readonly FolderFile[];
}

/** The agents' models of a fused folder, in name order; none where heads were united. */
export async function listAgentModels(fused: string): Promise<readonly AgentModel[]> {
  const models: AgentModel[] = [];
  for (const agent of (await listFolder(join(fused, headsFolder))) ?? []) {
    models.push({ agent, files: await listFolderFiles(join(fused, headFolder(agent))) });
  }
  return models;
}

/** The name that FetchFused takes for a file of an agent's model. */
export function agentFileName(agent: string, file: string): string {
  return `${headsFolder}/${agent}/${file}`;
}

/** Which agent's model a name that FetchFused was given is of; undefined for the fused model. */
export function agentOfFile(name: string): string | undefined {
  const [folder, agent, file] = name.split('/');
  return folder === headsFolder && file !== undefined ? agent : undefined;
}
