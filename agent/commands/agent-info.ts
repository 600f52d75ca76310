import type { Command } from 'commander';
import { addConnectionOptions } from '../../shared/wire/connection-options.ts';
import { addStallOption, type SessionFlags, withSession } from './agent-session.ts';

interface InfoFlags extends SessionFlags {
  readonly json?: boolean;
}

/** Adds `regmean agent info`. */
export function registerAgentInfoCommand(parent: Command): void {
  const command = parent
    .command('info')
    .description("show the merger's round: recipe, base model, who has contributed");
  addStallOption(addConnectionOptions(command))
    .option('--json', 'print it as JSON')
    .action(async (flags: InfoFlags) => {
      const { getRound } = await import('../../shared/wire/get-round.ts');
      const { formatRound, roundJson } = await import('../../shared/wire/round-report.ts');
      await withSession(flags, async ({ connection, retry }) => {
        const round = await getRound(connection, retry);
        process.stdout.write(
          `${flags.json === true ? JSON.stringify(roundJson(round)) : formatRound(round)}\n`,
        );
      });
    });
}
