import { RegmeanError } from '../../shared/errors.ts';
import { withModel } from '../../shared/formats/open-model.ts';
import type { MergerConnection } from '../../shared/wire/connection.ts';
import type { BaseModel__Output } from '../../shared/wire/generated/regmean/v1/BaseModel.ts';
import { type FetchFolderOptions, type FetchFolderResult, fetchFolder } from './fetch-folder.ts';

const olderMerger =
  'it is the same base: the merger runs an earlier version of regmean, which identifies bases in ' +
  'another way; merger and agents of a round need the same version';

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
      await withModel(dir, async (model) => {
        const fingerprint = await model.fingerprint();
        if (fingerprint === base.fingerprint) return;
        const message = `${dir}: fingerprint must be ${base.fingerprint}, got ${fingerprint}`;
        const isOfOtherVersion = await model.isIdentifiedBy(base.fingerprint);
        throw new RegmeanError('refused', message, isOfOtherVersion ? { hint: olderMerger } : {});
      });
    },
  });
}
