import { listFolder } from '../files/atomic-folder.ts';
import { configFile } from '../models/config-json.ts';
import { sideFiles } from '../models/side-files.ts';

/** Configurations and graphs. */
const modelFiles: ReadonlySet<string> = new Set([configFile, 'model.json', 'model.onnx']);

/**
 * Names of the files in a model folder that go with its weights into a contribution, sorted:
 * configuration, graph, side files. Only known names are ever copied or sent, so that nothing else
 * that lies in the folder (data, optimizer state) leaves it by accident.
 */
export async function companionFilesOf(folder: string): Promise<readonly string[]> {
  return ((await listFolder(folder)) ?? []).filter((name) => modelFiles.has(name) || sideFiles.has(name));
}
