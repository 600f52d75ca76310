/**
 * @file The edge of the command line: runs a program and turns errors into messages and exit codes.
 */
import { type Command, CommanderError } from 'commander';
import { exitCodeOf, exitCodes, RegmeanError } from '../errors.ts';

/**
 * Runs a command line to its end and sets the process's exit code: 0 ok, 1 failed, 2 bad usage, 130
 * interrupted. People see one line for what they can mend; a defect shows its stack.
 */
export async function runProgram(program: Command, argv: readonly string[]): Promise<void> {
  exitInsteadOfProcess(program);
  try {
    await program.parseAsync([...argv]);
  } catch (error) {
    process.exitCode = report(error, argv.includes('--json'));
  }
}

/** Makes every command throw at the end of parsing, so that one place decides the exit code. */
function exitInsteadOfProcess(command: Command): void {
  command.exitOverride();
  command.showHelpAfterError('(--help shows the options)');
  for (const child of command.commands) exitInsteadOfProcess(child);
}

/** The live line of progress that an error cuts short goes away. */
const clearLine = '\r\x1b[2K';

/**
 * What the operating system refused, such as a full disk or a file without permission: nothing is
 * wrong with the code.
 */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'errno' in error && 'syscall' in error;
}

function report(thrown: unknown, asJson: boolean): number {
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  if (process.stderr.isTTY === true) process.stderr.write(clearLine);
  const error = isSystemError(thrown) ? new RegmeanError('invalid-input', thrown.message) : thrown;
  if (!(error instanceof RegmeanError)) {
    process.stderr.write(`\nthis is a defect of regmean, please report it:\n`);
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    return exitCodes.failed;
  }
  if (asJson) {
    const { code, message, hint } = error;
    process.stdout.write(`${JSON.stringify({ error: { code, message, ...(hint ? { hint } : {}) } })}\n`);
  }
  process.stderr.write(`error: ${error.message}\n`);
  if (error.hint !== undefined) process.stderr.write(`hint: ${error.hint}\n`);
  return exitCodeOf(error);
}
