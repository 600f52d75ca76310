import type { OpenModel } from '../../shared/formats/model-format.ts';
import { copySideFiles, localSideFilesOf } from '../../shared/models/side-files.ts';
import { type ConfigChanges, writeConfig } from '../../shared/models/written-config.ts';

/**
 * Copies configuration and side files of a model to a folder; the configuration as of a model whose
 * weights are float32.
 *
 * @param options.changes keys of config.json to set, or with `undefined` to leave out
 * @param options.base has the side files that contributions do not hold
 */
export async function copyCompanions(
  from: OpenModel,
  to: string,
  { changes = {}, base }: { readonly changes?: ConfigChanges; readonly base?: OpenModel | undefined } = {},
): Promise<void> {
  await copySideFiles(from.folder, to);
  if (base !== undefined) await copySideFiles(base.folder, to, await localSideFilesOf(base.folder));
  await writeConfig(to, from.config.text, 'F32', changes);
}
