import { readFile } from 'node:fs/promises';
import { messageOf, RegmeanError } from '../errors.ts';
import { withoutByteOrderMark } from './byte-order-mark.ts';
import { refuseLfsPointer } from './lfs-pointer.ts';
import { utf8Text } from './utf8-text.ts';

/**
 * The text of a file that is read whole, without a byte order mark.
 *
 * @throws RegmeanError `not-found` without the file; `invalid-input` for one that cannot be read,
 *   is not UTF-8, or is what Git LFS leaves in its place
 */
export async function readText(path: string): Promise<string> {
  // In one piece: of a long text in pieces a parser would have to make one first.
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw unreadable(path, cause);
  });
  refuseLfsPointer(path, bytes);
  return withoutByteOrderMark(utf8Text(path, bytes));
}

/** What is said of a file that the system does not give. */
export function unreadable(path: string, cause: NodeJS.ErrnoException): RegmeanError {
  switch (cause.code) {
    case 'ENOENT':
      return new RegmeanError('not-found', `${path}: no such file`, { cause });
    case 'EISDIR':
      return new RegmeanError('invalid-input', `${path}: must be a file, got a folder`, { cause });
    default:
      return new RegmeanError('invalid-input', `${path}: cannot be read: ${messageOf(cause)}`, { cause });
  }
}
