import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { RegmeanError } from '../../../shared/errors.ts';

const require = createRequire(import.meta.url);

/**
 * The folder of an installed text package, found from `entry`, a file that the package lets others
 * resolve.
 *
 * @throws RegmeanError `not-found` when the package is not installed: texts are development
 *   dependencies
 */
export function packageDirectory(name: string, entry: string): string {
  try {
    return dirname(require.resolve(`${name}${entry === '' ? '' : `/${entry}`}`));
  } catch (cause) {
    throw new RegmeanError('not-found', `texts: the package ${name} must be installed, and is not`, {
      hint: `install it with: npm install ${name}`,
      cause,
    });
  }
}
