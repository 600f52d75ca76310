import type { Command } from 'commander';
import { addColumnOptions, gatherColumns } from '../../shared/cli/column-options.ts';
import { threadsOption } from '../../shared/cli/compute-option.ts';
import type { ColumnNames } from '../../shared/data/column-names.ts';
import { addConnectionOptions } from '../../shared/wire/connection-options.ts';
import { eventNotes } from '../client/event-notes.ts';
import { addStallOption, type SessionFlags, withSession } from './agent-session.ts';

interface RefineFlags extends SessionFlags, ColumnNames {
  readonly name: string;
  readonly contribution: string;
  readonly data: string[];
  readonly work: string;
  readonly json?: boolean;
}

/** Adds `regmean agent refine`. */
export function registerAgentRefineCommand(parent: Command): void {
  const command = parent
    .command('refine')
    .description(
      'wait to be asked again about a merge, and send what is wanted: Grams in it, or sums for its head',
    );
  addStallOption(addConnectionOptions(command))
    .requiredOption('--name <agent>', "this agent's name in the round")
    .requiredOption('--contribution <dir>', 'the contribution that was sent')
    .requiredOption('--data <file...>', 'the data that the model was fine-tuned on; they stay here')
    .requiredOption('--work <dir>', 'folder for the merge and the new contribution')
    .addOption(threadsOption())
    .option('--json', 'print the result as JSON')
    .addHelpText('after', '\nWeights do not travel again. Stopped at any point, the same command continues.')
    .action(async (flags: RefineFlags) => {
      const { refine } = await import('../client/refine.ts');
      const { waitToBeAsked } = await import('../client/wait-for-merge.ts');
      await withSession(flags, async ({ connection, retry, context }) => {
        const { name, contribution, data, work, columns } = gatherColumns(flags);
        const following = { ...retry, onEvent: eventNotes(context) };
        await waitToBeAsked(connection, name, following);
        const brought = { name, contribution, dataFiles: data, work, columns };
        const result = await refine(connection, retry, brought, context);
        if (flags.json === true) process.stdout.write(`${JSON.stringify(result)}\n`);
        else
          process.stdout.write(`${name}: ${result.isSent ? 'what was asked for was' : 'nothing was'} sent\n`);
      });
    });
  addColumnOptions(command);
}
