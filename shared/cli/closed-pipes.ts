import { exitCodes } from '../errors.ts';

/**
 * Whoever reads this process's output may leave early (`| head -1`). That is no fault: what more is
 * said is lost, the work goes on to its end, and its exit code stays. So a service outlives the
 * reader of its log, and a training whoever watched it.
 */
export function outliveReaders(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return;
    process.exitCode = exitCodes.failed;
    process.stderr.write(`error: standard output: ${error.message}\n`);
  });
  // Whatever became of standard error, nobody is left to tell.
  process.stderr.on('error', () => {});
}
