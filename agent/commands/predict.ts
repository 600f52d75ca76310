import type { Command } from 'commander';
import * as parse from '../../shared/cli/arguments.ts';
import { addColumnOptions, gatherColumns } from '../../shared/cli/column-options.ts';
import { threadsOption } from '../../shared/cli/compute-option.ts';
import type { ColumnNames } from '../../shared/data/column-names.ts';
import { generationDefaults } from '../../shared/generation/defaults.ts';
import type { TaskKind } from '../../shared/task.ts';
import { counted } from '../../shared/text/amounts.ts';
import { predictDefaults } from '../inference/predict-options.ts';

interface PredictFlags extends ColumnNames {
  readonly model: string;
  readonly task: TaskKind;
  readonly base?: string;
  readonly data: string[];
  readonly out: string;
  readonly batchSize: number;
  readonly beams: number;
  readonly maxNewTokens?: number;
  readonly maxLength?: number;
  readonly threads?: number;
}

/** Adds `regmean predict`. */
export function registerPredictCommand(program: Command): void {
  const command = program
    .command('predict')
    .description('run a model over data and write its logits')
    .requiredOption('--model <dir>', 'model with a task head, a folder or an ONNX file, or a LoRA adapter')
    .requiredOption('--task <kind>', 'task of the model', parse.taskKind)
    .requiredOption('--data <file...>', 'rows of text, words or input_ids; labels are not needed')
    .requiredOption('--out <file>', 'JSON Lines file to write, a line per row')
    .option('--base <dir>', 'base of LoRA adapters (default: what they name)')
    .option('--batch-size <n>', 'examples per batch', parse.positiveInteger, predictDefaults.batchSize)
    .option('--max-length <tokens>', 'longer rows are cut', parse.positiveInteger)
    .option(
      '--beams <n>',
      'texts that generating follows at once',
      parse.positiveInteger,
      generationDefaults.beams,
    )
    .option(
      '--max-new-tokens <n>',
      `most tokens to generate (text2text: ${generationDefaults.maxNewTokens}; causal-lm generates when it is given)`,
      parse.positiveInteger,
    )
    .addOption(threadsOption())
    .addHelpText(
      'after',
      '\nEach line has "logits": a number per label; for token-classification a list per token of the row.\n' +
        'Beside them "label" (text), "labels" (multi-label, words) or "value" (regression).\n' +
        'For text2text a line has the generated "ids" and "text", or, for rows of input_ids with labels or decoder_input_ids, "logits" of\n' +
        'every target token. For causal-lm it has "logits" of every token for rows of input_ids, "logLikelihood" and "tokens" for rows of\n' +
        'text, and with --max-new-tokens what follows instead, as "ids" and "text"; it ends where the model has no positions for more.',
    )
    .action(async (flags: PredictFlags) => {
      const { predictFile } = await import('../inference/predict-file.ts');
      const { commandContext } = await import('../../shared/cli/command-context.ts');
      const { data, threads, ...rest } = gatherColumns(flags);
      const rows = await predictFile({ ...rest, dataFiles: data }, commandContext({ threads }));
      process.stderr.write(`${counted(rows, 'row')} written to ${flags.out}\n`);
    });
  addColumnOptions(command);
}
