import type { Command } from 'commander';
import { formatBytes } from '../../shared/cli/progress.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { addConnectionOptions } from '../../shared/wire/connection-options.ts';
import { addStallOption, type SessionFlags, transferProgress, withSession } from './agent-session.ts';
import { eventPrinter } from './print-events.ts';

interface FetchFlags extends SessionFlags {
  readonly out: string;
  readonly wait?: boolean;
  readonly json?: boolean;
}

/** Adds `regmean agent fetch`. */
export function registerAgentFetchCommand(parent: Command): void {
  const command = parent
    .command('fetch')
    .description('fetch the fused model; an interrupted fetch continues');
  addStallOption(addConnectionOptions(command))
    .requiredOption('--out <dir>', 'folder to make')
    .option('--wait', 'wait until the round is merged')
    .option('--json', 'print the result as JSON')
    .action(async (flags: FetchFlags) => {
      const { fetchFolder } = await import('../client/fetch-folder.ts');
      const { getRound } = await import('../../shared/wire/get-round.ts');
      const { waitForMerge } = await import('../client/wait-for-merge.ts');
      await withSession(flags, async ({ connection, retry }) => {
        if (flags.wait === true) await waitForMerge(connection, { ...retry, onEvent: eventPrinter() });
        const round = await getRound(connection, retry);
        if (round.state !== 'ROUND_STATE_MERGED') {
          throw new RegmeanError('refused', `round ${round.name}: expected it to be merged, it is not yet`, {
            hint: 'pass --wait to wait for it',
          });
        }
        const progress = transferProgress('fetching the fused model');
        const result = await fetchFolder(connection, {
          ...retry,
          what: 'fused',
          files: round.fusedFiles,
          out: flags.out,
          onStart: progress.onStart,
          onReceived: progress.onBytes,
        });
        progress.finish();
        if (flags.json === true) process.stdout.write(`${JSON.stringify({ out: flags.out, ...result })}\n`);
        else process.stdout.write(`${flags.out}: the fused model, ${formatBytes(result.bytesTotal)}\n`);
      });
    });
}
