import type { Command } from 'commander';
import { formatBytes } from '../../shared/text/amounts.ts';
import { addConnectionOptions } from '../../shared/wire/connection-options.ts';
import { eventNotes } from '../client/event-notes.ts';
import { transferProgress } from '../client/transfer-progress.ts';
import { addStallOption, type SessionFlags, withSession } from './agent-session.ts';

interface FetchFlags extends SessionFlags {
  readonly out: string;
  readonly name?: string;
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
    .option('--name <name>', 'whose model it is, where every agent keeps its own head (default: no head)')
    .option('--wait', 'wait until the round is merged')
    .option('--json', 'print the result as JSON')
    .action(async (flags: FetchFlags) => {
      const { fetchFused } = await import('../client/fetch-fused.ts');
      const { waitForMerge } = await import('../client/wait-for-merge.ts');
      await withSession(flags, async ({ connection, retry, context }) => {
        if (flags.wait === true) await waitForMerge(connection, { ...retry, onEvent: eventNotes(context) });
        const progress = transferProgress('fetching the fused model', context);
        const result = await fetchFused(connection, {
          ...retry,
          out: flags.out,
          ...(flags.name === undefined ? {} : { agent: flags.name }),
          ...progress,
        });
        progress.finish();
        if (flags.json === true) process.stdout.write(`${JSON.stringify({ out: flags.out, ...result })}\n`);
        else process.stdout.write(`${flags.out}: the fused model, ${formatBytes(result.bytesTotal)}\n`);
      });
    });
}
