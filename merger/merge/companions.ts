import { constants } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { companionFilesOf } from '../../shared/contribution/model-files.ts';
import { readConfigText } from '../../shared/models/config-json.ts';
import { copySideFiles } from '../../shared/models/side-files.ts';
import { type ConfigChanges, writeConfig } from '../../shared/models/written-config.ts';
import { layersModelFile } from '../../shared/tensorflow/layers-model.ts';

/**
 * Copies configuration and side files of a model folder, and the topology of a LayersModel; the
 * configuration as of a model whose weights are float32.
 *
 * @param changes keys of config.json to set, or with `undefined` to leave out
 */
export async function copyCompanions(from: string, to: string, changes: ConfigChanges = {}): Promise<void> {
  await copySideFiles(from, to);
  if ((await companionFilesOf(from)).includes(layersModelFile)) {
    await copyFile(join(from, layersModelFile), join(to, layersModelFile), constants.COPYFILE_FICLONE);
  }
  await writeConfig(to, (await readConfigText(from)).text, 'F32', changes);
}
