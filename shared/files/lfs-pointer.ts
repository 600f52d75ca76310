import { RegmeanError } from '../errors.ts';

/** As many bytes of a file as tell a pointer. */
export const pointerBytes = 200;

const firstLine = 'version https://git-lfs.github.com/spec/v1';

/**
 * Refuses what Git LFS leaves in place of a file that was not fetched: a clone without `git lfs`
 * holds lines of text under the names of weights, tokenizers and data.
 *
 * @param content the file, or its first {@link pointerBytes}
 * @throws RegmeanError `invalid-input` with the size of the file that is missing, where it says it
 */
export function refuseLfsPointer(path: string, content: Uint8Array | string): void {
  const start =
    typeof content === 'string' ? content : Buffer.from(content.subarray(0, pointerBytes)).toString('latin1');
  if (!start.startsWith(firstLine)) return;
  const size = /^size (\d+)$/m.exec(start)?.[1];
  const what = size === undefined ? 'the file itself' : `the file of ${size} bytes itself`;
  throw new RegmeanError('invalid-input', `${path}: must be ${what}, got a pointer of Git LFS to it`, {
    hint: 'run `git lfs install && git lfs pull` in the clone that it comes from, or download the file',
  });
}
