import type { Command } from 'commander';
import { addColumnOptions, gatherColumns } from '../../shared/cli/column-options.ts';
import { threadsOption } from '../../shared/cli/compute-option.ts';
import type { ColumnNames } from '../../shared/data/column-names.ts';
import { addConnectionOptions } from '../../shared/wire/connection-options.ts';
import { eventNotes } from '../client/event-notes.ts';
import { addStallOption, type SessionFlags, withSession } from './agent-session.ts';

interface ScoreFlags extends SessionFlags, ColumnNames {
  readonly name: string;
  readonly dev: string[];
  readonly work: string;
  readonly json?: boolean;
}

/** Adds `regmean agent score`. */
export function registerAgentScoreCommand(parent: Command): void {
  const command = parent
    .command('score')
    .description('wait for the candidates of a round that chooses its merge by scores, and score them');
  addStallOption(addConnectionOptions(command))
    .requiredOption('--name <agent>', "this agent's name in the round")
    .option(
      '--dev <file...>',
      'labelled data to score on; they stay here (default: tells that there are none)',
      [],
    )
    .requiredOption('--work <dir>', 'folder that each candidate lies in while it is scored')
    .addOption(threadsOption())
    .option('--json', 'print what was sent as JSON')
    .addHelpText(
      'after',
      '\nNothing but the scores is sent: of each candidate one number and how many rows it is of.',
    )
    .action(async (flags: ScoreFlags) => {
      const { scoreCandidates } = await import('../client/score-candidates.ts');
      const { waitForState } = await import('../client/wait-for-merge.ts');
      await withSession(flags, async ({ connection, retry, context }) => {
        const { name, dev, work, columns } = gatherColumns(flags);
        const following = { ...retry, onEvent: eventNotes(context) };
        await waitForState(connection, ['ROUND_STATE_SCORING', 'ROUND_STATE_MERGED'], following);
        const scoring = { name, dataFiles: dev, columns, folder: work };
        const { scores } = await scoreCandidates(connection, retry, scoring, context);
        if (flags.json === true) process.stdout.write(`${JSON.stringify(scores)}\n`);
        else process.stdout.write(`${name}: ${scores === null ? 'no scores were' : 'scores were'} sent\n`);
      });
    });
  addColumnOptions(command);
}
