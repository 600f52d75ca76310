/**
 * @file The one error class of the project. Everything that a user or a peer can cause is a
 *   `RegmeanError`; anything else that reaches the top is a defect and is shown with its stack.
 */

/** What kind of thing went wrong; stable, also sent over the wire and in `--json` output. */
export type ErrorCode =
  | 'usage' // the command line or a recipe is wrong
  | 'not-found' // a file, folder, tensor or round does not exist
  | 'invalid-input' // a file or a row is there but not what it should be
  | 'refused' // the other side declined: wrong base, wrong shape, bad checksum
  | 'numerical' // a computation cannot be done: not positive definite, not finite
  | 'unsupported' // a valid request that this version has no code for
  | 'network' // the peer cannot be reached, or bytes stopped
  | 'interrupted'; // Ctrl-C or a stop request; nothing is lost

/** Process exit codes, the same for every command. */
export const exitCodes = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/**
 * An error made for people: `where: requirement, got value`, with a hint when the remedy is known.
 *
 * @param code stable kind of the error
 * @param message one line that says what was wrong and where (file, row, tensor, agent)
 * @param options `hint`: what to do about it; `cause`: the underlying error
 */
export class RegmeanError extends Error {
  override readonly name = 'RegmeanError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }
}

/**
 * An error with the name of what it is about before its message, if it is one for people.
 *
 * @param error anything that was thrown; to be thrown again
 */
export function namedError(name: string, error: unknown): unknown {
  if (!(error instanceof RegmeanError)) return error;
  const { code, hint, message } = error;
  return new RegmeanError(code, `${name}: ${message}`, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** The message of anything that was thrown, without a stack. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The exit code that a command ends with after `error`. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof RegmeanError)) return exitCodes.failed;
  if (error.code === 'usage') return exitCodes.usage;
  if (error.code === 'interrupted') return exitCodes.interrupted;
  return exitCodes.failed;
}
