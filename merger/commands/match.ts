import { type Command, Option } from 'commander';
import * as parse from '../../shared/cli/arguments.ts';
import { addColumnOptions, gatherColumns } from '../../shared/cli/column-options.ts';
import { threadsOption } from '../../shared/cli/compute-option.ts';
import type { ColumnNames } from '../../shared/data/column-names.ts';
import type { TaskKind } from '../../shared/task.ts';
import { matchWays } from '../matching/match-report.ts';

interface MatchFlags extends ColumnNames {
  readonly out: string;
  readonly by: (typeof matchWays)[number];
  readonly task: TaskKind;
  readonly data?: string[];
  readonly maxLength?: number;
  readonly threads?: number;
  readonly json?: boolean;
}

const examples = `
Examples:
  $ regmean match contributions/north contributions/south --task text-classification --out matched
  $ regmean match north south --task text-classification --by activations --data texts.jsonl --out matched
  $ regmean merge north matched/contribution --out fused

OUT/contribution is SOUTH with its neurons in another order: the same function, its Grams and Fisher information in that
order too. OUT/matrices.html shows the matrices.`;

/** Adds `regmean match`: matches the neurons of one model to another's. */
export function registerMatchCommand(program: Command): void {
  const command = program
    .command('match')
    .summary('match the neurons of one model to another’s before a merge')
    .description(
      'Find the order of one model’s neurons that fits another model’s best, and write it in that order.',
    )
    .argument('<left>', 'contribution or model folder that stays as it is')
    .argument('<right>', 'contribution or model folder whose neurons change places')
    .requiredOption('--task <kind>', 'task of the models', parse.taskKind)
    .requiredOption('--out <dir>', 'folder to write')
    .addOption(new Option('--by <way>', 'what is compared').choices(matchWays).default('weights'))
    .option('--data <file...>', 'texts that activations are compared on')
    .option('--max-length <tokens>', 'longer rows are cut', parse.positiveInteger)
    .addOption(threadsOption())
    .option('--json', 'print the report as JSON')
    .addHelpText('after', examples)
    .action(async (left: string, right: string, given: MatchFlags) => {
      const { commandContext } = await import('../../shared/cli/command-context.ts');
      const { data, json, threads, ...flags } = gatherColumns(given);
      const { matchContribution } = await import('../matching/match-contribution.ts');
      const report = await matchContribution(
        { ...{ left, right, ...flags }, ...(data === undefined ? {} : { dataFiles: data }) },
        commandContext({ threads }),
      );
      if (json === true) {
        process.stdout.write(`${JSON.stringify(report)}\n`);
        return;
      }
      for (const { layer, dimension, fixedShare, meanDiagonal, meanOffDiagonal } of report.layers) {
        process.stdout.write(
          `${layer}: ${dimension} neurons, ${(100 * fixedShare).toFixed(1)} % left in place; mean on the diagonal ` +
            `${meanDiagonal.toPrecision(4)}, off it ${meanOffDiagonal.toPrecision(4)}\n`,
        );
      }
      process.stdout.write(`matched contribution: ${flags.out}/contribution\n`);
    });
  addColumnOptions(command);
}
