import type { Command } from 'commander';
import * as parse from '../../shared/cli/arguments.ts';
import { addColumnOptions, gatherColumns } from '../../shared/cli/column-options.ts';
import { threadsOption } from '../../shared/cli/compute-option.ts';
import type { ColumnNames } from '../../shared/data/column-names.ts';
import type { TaskKind } from '../../shared/task.ts';
import { headStatisticsDefaults } from '../statistics/statistics-options.ts';

interface HeadStatsFlags extends ColumnNames {
  readonly model: string;
  readonly task: TaskKind;
  readonly data: string[];
  readonly out: string;
  readonly agent: string;
  readonly batchSize: number;
  readonly maxLength?: number;
  readonly threads?: number;
  readonly json?: boolean;
}

/** Adds `regmean head-stats`. */
export function registerHeadStatsCommand(program: Command): void {
  const command = program
    .command('head-stats')
    .summary('compute what data say of a merged model’s head, for a joint one')
    .description(
      'Compute what data say of the head of a merged model: X^T X of what its last layer reads, and X^T Y with the ' +
        'labels. `regmean head` fits one head to the sums of all agents.',
    )
    .requiredOption('--model <dir>', 'merged model')
    .requiredOption('--task <kind>', 'task of the model', parse.taskKind)
    .requiredOption('--data <file...>', 'the labelled data that the model was fine-tuned on')
    .requiredOption('--out <file>', 'safetensors file to write')
    .option('--agent <name>', 'name of the agent', 'agent')
    .option('--batch-size <n>', 'examples per batch', parse.positiveInteger, headStatisticsDefaults.batchSize)
    .option('--max-length <tokens>', 'longer rows are cut', parse.positiveInteger)
    .addOption(threadsOption())
    .option('--json', 'print the result as JSON')
    .addHelpText('after', '\nOnly sums over all rows are written, and how many rows there are.')
    .action(async (flags: HeadStatsFlags) => {
      const { collectHeadStatistics } = await import('../steps/head-statistics.ts');
      const { commandContext } = await import('../../shared/cli/command-context.ts');
      const { data, json, threads, ...rest } = gatherColumns(flags);
      const result = await collectHeadStatistics({ ...rest, dataFiles: data }, commandContext({ threads }));
      if (json === true) {
        process.stdout.write(`${JSON.stringify(result)}\n`);
        return;
      }
      const { layer, rows, examples, out } = result;
      process.stdout.write(
        `${layer}: ${rows} rows of ${examples} examples\nstatistics of the head: ${out}\n`,
      );
    });
  addColumnOptions(command);
}
