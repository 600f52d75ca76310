import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * A file that ships with the package (`package.json`, `proto/..`), from wherever this module runs:
 * the sources or their compiled form in `dist/`.
 *
 * @param segments path from the package's root
 */
export function packageFile(...segments: string[]): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) && folder !== dirname(folder)) folder = dirname(folder);
  return join(folder, ...segments);
}
