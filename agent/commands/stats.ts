import type { Command } from 'commander';
import * as parse from '../../shared/cli/arguments.ts';
import { formatDuration } from '../../shared/cli/progress.ts';
import type { TaskKind } from '../../shared/task.ts';
import { statisticsDefaults as defaults } from '../statistics/statistics-options.ts';

interface StatsFlags {
  readonly model: string;
  readonly task: TaskKind;
  readonly data: string[];
  readonly out: string;
  readonly agent: string;
  readonly base?: string;
  readonly batches: number;
  readonly batchSize: number;
  readonly maxLength?: number;
  readonly seed: number;
  readonly shareMetrics: boolean;
  readonly threads?: number;
  readonly json?: boolean;
}

/** Adds `regmean stats`. */
export function registerStatsCommand(program: Command): void {
  program
    .command('stats')
    .description("compute the Gram matrices of every linear layer's inputs and write the contribution")
    .requiredOption('--model <dir>', 'fine-tuned model')
    .requiredOption('--task <kind>', 'task of the model', parse.taskKind)
    .requiredOption('--data <file...>', 'the data that the model was fine-tuned on')
    .requiredOption('--out <dir>', 'contribution folder to write')
    .option('--agent <name>', 'name of the agent in the round', 'agent')
    .option('--base <dir>', 'base model, where the fine-tuned folder has no training.json')
    .option('--batches <n>', 'most batches to read', parse.positiveInteger, defaults.batches)
    .option('--batch-size <n>', 'examples per batch', parse.positiveInteger, defaults.batchSize)
    .option('--max-length <tokens>', 'longer rows are cut', parse.positiveInteger)
    .option('--seed <n>', 'seed of the choice of batches', parse.nonNegativeInteger, defaults.seed)
    .option('--share-metrics', 'put the metrics on the dev data into the contribution', false)
    .option('--threads <n>', 'threads to compute with (default: one per core)', parse.positiveInteger)
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      '\nOnly weights, Gram matrices, counts and label names are written: no text, no example, no label of an example.',
    )
    .action(async (flags: StatsFlags) => {
      const { collectStatistics } = await import('../statistics/collect-statistics.ts');
      const { interruptSignal } = await import('../../shared/cli/interrupt.ts');
      const { data, json, ...rest } = flags;
      const result = await collectStatistics({ ...rest, dataFiles: data }, interruptSignal());
      if (json === true) {
        process.stdout.write(`${JSON.stringify(result)}\n`);
        return;
      }
      process.stdout.write(
        `${result.grams} Grams for ${result.linearLayers} linear layers from ${result.tokens} tokens of ` +
          `${result.examples} examples, in ${formatDuration(result.seconds)} (${result.tokensPerSecond} tokens/s)\n` +
          `contribution: ${result.out}\n`,
      );
    });
}
