import type { Command } from 'commander';
import { formatBytes } from '../../shared/text/amounts.ts';
import { addConnectionOptions } from '../../shared/wire/connection-options.ts';
import { transferProgress } from '../client/transfer-progress.ts';
import { addStallOption, type SessionFlags, withSession } from './agent-session.ts';

interface ContributeFlags extends SessionFlags {
  readonly name?: string;
  readonly replace?: boolean;
  readonly json?: boolean;
}

/** Adds `regmean agent contribute`. */
export function registerAgentContributeCommand(parent: Command): void {
  const command = parent
    .command('contribute')
    .argument('<dir>', 'contribution folder, made by regmean stats')
    .description('send a contribution to the merger; an interrupted one continues where it was cut');
  addStallOption(addConnectionOptions(command))
    .option('--name <agent>', "this agent's name; must be the one in contribution.json")
    .option('--replace', 'replace a contribution that this agent has made to the round')
    .option('--json', 'print the result as JSON')
    .action(async (dir: string, flags: ContributeFlags) => {
      const { contribute } = await import('../client/contribute.ts');
      await withSession(flags, async ({ connection, retry, context }) => {
        const progress = transferProgress('uploading', context);
        let saidValidating = false;
        const result = await contribute(connection, {
          ...retry,
          dir,
          ...(flags.name === undefined ? {} : { agent: flags.name }),
          replace: flags.replace === true,
          ...progress,
          onValidating() {
            if (!saidValidating) context.note('the merger is checking the contribution');
            saidValidating = true;
          },
        });
        if (!result.alreadyStored) progress.finish();
        if (flags.json === true) {
          process.stdout.write(`${JSON.stringify(result)}\n`);
          return;
        }
        const what = result.alreadyStored
          ? 'the merger has this contribution already'
          : `the merger stored the contribution (${formatBytes(result.bytesSent)} of ${formatBytes(result.bytesTotal)} sent now)`;
        process.stdout.write(`${what}\n`);
      });
    });
}
