import type { Command } from 'commander';
import { addColumnOptions, gatherColumns } from '../../shared/cli/column-options.ts';
import { threadsOption } from '../../shared/cli/compute-option.ts';
import type { ColumnNames } from '../../shared/data/column-names.ts';
import { addConnectionOptions } from '../../shared/wire/connection-options.ts';
import { addStallOption, type SessionFlags, withSession } from './agent-session.ts';

interface RunFlags extends SessionFlags, ColumnNames {
  readonly name: string;
  readonly train: string[];
  readonly dev: string[];
  readonly work: string;
  readonly out: string;
  readonly shareMetrics: boolean;
  readonly scores: boolean;
  readonly replace: boolean;
  readonly json?: boolean;
}

/** Adds `regmean agent run`. */
export function registerAgentRunCommand(parent: Command): void {
  const command = parent
    .command('run')
    .description(
      'take part in a round: fetch the base, fine-tune, collect statistics, contribute, fetch the fused model',
    );
  addStallOption(addConnectionOptions(command))
    .requiredOption('--name <agent>', "this agent's name in the round")
    .requiredOption('--train <file...>', 'private training data; it stays on this machine')
    .option('--dev <file...>', 'data that the best epoch is chosen on', [])
    .requiredOption('--work <dir>', 'folder for the base model, the fine-tuned model and the contribution')
    .requiredOption('--out <dir>', 'folder of the fused model')
    .option('--share-metrics', 'put the metrics on the dev data into the contribution', false)
    .option(
      '--no-scores',
      'do not score candidates on the dev data, nor send the scores, where the round chooses its merge by them',
    )
    .option('--replace', 'replace a contribution of this agent that the merger has already', false)
    .addOption(threadsOption())
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      '\nStopped at any point, the same command continues: what is done is not done again. A step whose ' +
        'round, base,\ndata or options changed begins anew; its earlier result stays beside it as WORK/STEP.earlier.',
    )
    .action(async (flags: RunFlags) => {
      const { takePart } = await import('../client/take-part.ts');
      await withSession(flags, async (session) => {
        const { connection, retry, context } = session;
        const { train, dev, json, scores, ...rest } = gatherColumns(flags);
        const result = await takePart(
          connection,
          retry,
          { ...rest, trainFiles: train, devFiles: dev, scoreCandidates: scores },
          context,
        );
        process.stdout.write(
          json === true ? `${JSON.stringify(result)}\n` : `${flags.out}: the fused model\n`,
        );
      });
    });
  addColumnOptions(command);
}
