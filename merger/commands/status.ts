import type { Command } from 'commander';
import { RegmeanError } from '../../shared/errors.ts';
import type { ConnectionFlags } from '../../shared/wire/connection.ts';
import { addConnectionOptions } from '../../shared/wire/connection-options.ts';

interface StatusFlags extends Omit<ConnectionFlags, 'server'> {
  readonly server?: string;
  readonly store?: string;
  readonly round?: string;
  readonly json?: boolean;
}

/** Adds `regmean merger status`. */
export function registerMergerStatusCommand(parent: Command): void {
  const command = parent
    .command('status')
    .description('show a round, from a running merger or from its store');
  addConnectionOptions(command, 'optional')
    .option('--store <dir>', "the merger's store, instead of --server")
    .option('--round <name>', 'which round of the store, when it holds several')
    .option('--json', 'print it as JSON')
    .action(async (flags: StatusFlags) => {
      const { formatRound, roundJson } = await import('../../shared/wire/round-report.ts');
      const round = await readStatus(flags);
      process.stdout.write(
        `${flags.json === true ? JSON.stringify(roundJson(round)) : formatRound(round)}\n`,
      );
    });
}

async function readStatus(flags: StatusFlags) {
  const { server, store } = flags;
  if ((server === undefined) === (store === undefined)) {
    throw new RegmeanError('usage', 'status: pass either --server HOST:PORT or --store DIR');
  }
  if (server !== undefined) {
    const { connectToMerger } = await import('../../shared/wire/connection.ts');
    const { getRound } = await import('../../shared/wire/get-round.ts');
    const connection = await connectToMerger({ ...flags, server });
    try {
      return await getRound(connection, { stallTimeoutMs: 10_000 });
    } finally {
      connection.close();
    }
  }
  const { readStoredStatus } = await import('../service/stored-status.ts');
  return readStoredStatus(String(store), flags.round);
}
