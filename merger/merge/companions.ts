import type { OpenModel } from '../../shared/formats/model-format.ts';
import { copySideFiles } from '../../shared/models/side-files.ts';
import { type ConfigChanges, writeConfig } from '../../shared/models/written-config.ts';

/**
 * Copies configuration and side files of a model to a folder; the configuration as of a model whose
 * weights are float32.
 *
 * @param changes keys of config.json to set, or with `undefined` to leave out
 */
export async function copyCompanions(
  from: OpenModel,
  to: string,
  changes: ConfigChanges = {},
): Promise<void> {
  await copySideFiles(from.folder, to);
  await writeConfig(to, from.config.text, 'F32', changes);
}
