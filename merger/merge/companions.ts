import { constants } from 'node:fs';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { companionFilesOf } from '../../shared/contribution/model-files.ts';
import { onnxFile } from '../../shared/onnx/open-onnx.ts';

/**
 * Copies configuration and tokenizer of a model folder, of which a graph is no part; the
 * configuration without the path that it was loaded from, and with its new dtype.
 *
 * @param changes keys of config.json to set, or with `undefined` to leave out
 */
export async function copyCompanions(
  from: string,
  to: string,
  changes: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  for (const name of await companionFilesOf(from)) {
    if (name !== 'config.json' && name !== onnxFile)
      await copyFile(join(from, name), join(to, name), constants.COPYFILE_FICLONE);
  }
  const { _name_or_path, ...config } = JSON.parse(await readFile(join(from, 'config.json'), 'utf8'));
  for (const key of ['torch_dtype', 'dtype']) if (key in config) config[key] = 'float32';
  await writeFile(join(to, 'config.json'), `${JSON.stringify({ ...config, ...changes }, undefined, 2)}\n`);
}
