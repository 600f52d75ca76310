import { RegmeanError } from '../../shared/errors.ts';
import { baseFingerprint } from '../../shared/formats/base-fingerprint.ts';
import type { MergerConnection } from '../../shared/wire/connection.ts';
import type { BaseModel__Output } from '../../shared/wire/generated/regmean/v1/BaseModel.ts';
import { type FetchFolderOptions, type FetchFolderResult, fetchFolder } from './fetch-folder.ts';

/**
 * Fetches the round's base model and checks that its parameters have the announced fingerprint.
 *
 * @throws RegmeanError when they have not, or the merger cannot be reached
 */
export async function fetchBase(
  connection: MergerConnection,
  base: BaseModel__Output,
  options: Omit<FetchFolderOptions, 'what' | 'files' | 'verify'>,
): Promise<FetchFolderResult> {
  return fetchFolder(connection, {
    ...options,
    what: 'base',
    files: base.files,
    async verify(dir) {
      const fingerprint = await baseFingerprint(dir);
      if (fingerprint === base.fingerprint) return;
      throw new RegmeanError(
        'refused',
        `${dir}: fingerprint must be ${base.fingerprint}, got ${fingerprint}`,
      );
    },
  });
}
