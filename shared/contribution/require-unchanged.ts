import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { RegmeanError } from '../errors.ts';
import { sha256OfFile } from '../files/checksum.ts';
import { manifestFile } from './manifest.ts';
import type { Contribution } from './open-contribution.ts';

/**
 * Checks that the files of a contribution are those that its manifest names: sizes, then SHA-256,
 * one read of every file. A folder without manifest was made elsewhere and says nothing of its
 * files; files that the manifest does not name are left alone.
 *
 * @throws RegmeanError `invalid-input` naming the file; `not-found` for one that is missing
 */
export async function requireUnchanged({
  folder,
  manifest,
}: Pick<Contribution, 'folder' | 'manifest'>): Promise<void> {
  const files = Object.entries(manifest?.files ?? {});
  for (const [name, { bytes }] of files) {
    const found = await stat(join(folder, name)).catch((cause: unknown) => {
      throw new RegmeanError('not-found', `${join(folder, name)}: no such file, ${manifestFile} names it`, {
        cause,
      });
    });
    if (found.size !== bytes) throw changed(folder, name);
  }
  for (const [name, { sha256 }] of files) {
    if ((await sha256OfFile(join(folder, name))) !== sha256) throw changed(folder, name);
  }
}

function changed(folder: string, name: string): RegmeanError {
  return new RegmeanError(
    'invalid-input',
    `${folder}: ${name} does not match ${manifestFile}: it was changed after \`regmean stats\``,
    {
      hint: 'make the contribution anew with `regmean stats`: Grams belong to the weights that they were collected with',
    },
  );
}
