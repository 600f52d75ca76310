/** @file What identifies the base of an experiment in the keys of its cache. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { listFolder } from '../../shared/files/atomic-folder.ts';
import { sha256OfFile } from '../../shared/files/checksum.ts';
import { withModel } from '../../shared/formats/open-model.ts';
import { mayTravel } from '../../shared/wire/folder-files.ts';
import { artifactKey } from './context.ts';

/** Files that are weights, of which the fingerprint is made, or words for people. */
const isLeftOut = (name: string): boolean => /\.(safetensors|bin|md)$|^(LICENSE|NOTICE)/.test(name);

/**
 * A digest of all that a training takes from the base: its weights, and the files that say what
 * they compute and how texts become tokens.
 */
export function baseKey(path: string): Promise<string> {
  return withModel(path, async (base) => {
    const names = [...((await listFolder(base.folder)) ?? [])].sort();
    const beside = names.filter((name) => mayTravel(name) && !isLeftOut(name));
    const own = (await stat(path)).isFile() ? [path] : [];
    return artifactKey({
      fingerprint: await base.fingerprint(),
      own: await Promise.all(own.map((file) => sha256OfFile(file))),
      beside: await Promise.all(
        beside.map(async (name) => [name, await sha256OfFile(join(base.folder, name))]),
      ),
    });
  });
}
