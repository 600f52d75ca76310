import type { Command } from 'commander';
import { formatBytes } from '../../shared/text/amounts.ts';
import { addConnectionOptions } from '../../shared/wire/connection-options.ts';
import { transferProgress } from '../client/transfer-progress.ts';
import { addStallOption, type SessionFlags, withSession } from './agent-session.ts';

interface FetchBaseFlags extends SessionFlags {
  readonly out: string;
  readonly json?: boolean;
}

/** Adds `regmean agent fetch-base`. */
export function registerAgentFetchBaseCommand(parent: Command): void {
  const command = parent
    .command('fetch-base')
    .description("fetch the round's base model and check its fingerprint; an interrupted fetch continues");
  addStallOption(addConnectionOptions(command))
    .requiredOption('--out <dir>', 'folder to make')
    .option('--json', 'print the result as JSON')
    .action(async (flags: FetchBaseFlags) => {
      const { fetchBase } = await import('../client/fetch-base.ts');
      const { getRound } = await import('../../shared/wire/get-round.ts');
      await withSession(flags, async ({ connection, retry, context }) => {
        const { base } = await getRound(connection, retry);
        const progress = transferProgress('fetching the base model', context);
        const result = await fetchBase(connection, base, {
          ...retry,
          out: flags.out,
          ...progress,
        });
        progress.finish();
        if (flags.json === true) process.stdout.write(`${JSON.stringify({ out: flags.out, ...result })}\n`);
        else process.stdout.write(`${flags.out}: the base model, ${formatBytes(result.bytesTotal)}\n`);
      });
    });
}
