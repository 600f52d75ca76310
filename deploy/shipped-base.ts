import { existsSync } from 'node:fs';
import { RegmeanError } from '../shared/errors.ts';
import { packageFile } from '../shared/files/package-file.ts';

/**
 * Folder of the base model that comes with regmean.
 *
 * @param command what needs it, for the message
 * @throws RegmeanError `not-found` in an installation without it
 */
export function findShippedBase(command: string): string {
  const base = packageFile('deploy', 'base-model');
  if (existsSync(base)) return base;
  throw new RegmeanError('not-found', `${command}: the base model must be in ${base}, it is not there`, {
    hint: 'make one with: npm run pretrain -- --out DIR, and name it as the base',
  });
}
