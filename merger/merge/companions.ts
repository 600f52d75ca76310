import { constants } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { companionFilesOf } from '../../shared/contribution/model-files.ts';
import { readConfigText } from '../../shared/models/config-json.ts';
import { type ConfigChanges, writeConfig } from '../../shared/models/written-config.ts';
import { onnxFile } from '../../shared/onnx/open-onnx.ts';

/**
 * Copies configuration and tokenizer of a model folder, of which a graph is no part; the
 * configuration as of a model whose weights are float32.
 *
 * @param changes keys of config.json to set, or with `undefined` to leave out
 */
export async function copyCompanions(from: string, to: string, changes: ConfigChanges = {}): Promise<void> {
  for (const name of await companionFilesOf(from)) {
    if (name !== 'config.json' && name !== onnxFile)
      await copyFile(join(from, name), join(to, name), constants.COPYFILE_FICLONE);
  }
  await writeConfig(to, (await readConfigText(from)).text, 'F32', changes);
}
