import type { Command } from 'commander';
import * as parse from '../../shared/cli/arguments.ts';
import { addColumnOptions, gatherColumns } from '../../shared/cli/column-options.ts';
import { threadsOption } from '../../shared/cli/compute-option.ts';
import type { ColumnNames } from '../../shared/data/column-names.ts';
import type { TaskKind } from '../../shared/task.ts';
import { evaluateDefaults } from '../inference/evaluate-options.ts';

interface EvaluateFlags extends ColumnNames {
  readonly model: string[];
  readonly task: TaskKind;
  readonly base?: string;
  readonly data: string[];
  readonly agent?: string;
  readonly ensemble?: boolean;
  readonly classes?: string[];
  readonly batchSize: number;
  readonly maxLength?: number;
  readonly threads?: number;
  readonly json?: boolean;
}

/** Adds `regmean evaluate`. */
export function registerEvaluateCommand(program: Command): void {
  const command = program
    .command('evaluate')
    .description('score models on labelled data')
    .requiredOption(
      '--model <dir...>',
      'models with a task head, folders or ONNX files, or LoRA adapters; a folder of candidates stands for all in it',
    )
    .requiredOption('--task <kind>', 'task of the models', parse.taskKind)
    .requiredOption('--data <file...>', 'labelled data; each file is scored by itself')
    .option('--base <dir>', 'base of LoRA adapters (default: what they name)')
    .option('--agent <name>', 'whose scores these are, for a merge that chooses by them')
    .option('--ensemble', 'also score the mean of the models’ logits')
    .option(
      '--classes <names>',
      'classes that macro-F1 is over, separated by commas (default: those that occur)',
      parse.nameList,
    )
    .option('--batch-size <n>', 'examples per batch', parse.positiveInteger, evaluateDefaults.batchSize)
    .option('--max-length <tokens>', 'longer rows are cut', parse.positiveInteger)
    .addOption(threadsOption())
    .option('--json', 'print the scores as JSON')
    .action(async (flags: EvaluateFlags) => {
      const { evaluateModels, formatScores } = await import('../inference/evaluate-models.ts');
      const { commandContext } = await import('../../shared/cli/command-context.ts');
      const { model, data, json, ensemble, threads, ...rest } = gatherColumns(flags);
      const scores = await evaluateModels(
        { ...rest, models: model, dataFiles: data, ensemble: ensemble === true },
        commandContext({ threads }),
      );
      process.stdout.write(json === true ? `${JSON.stringify(scores)}\n` : formatScores(scores));
    });
  addColumnOptions(command);
}
