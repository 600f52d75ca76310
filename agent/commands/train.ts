import type { Command } from 'commander';
import type { LowRankOptions } from '../../shared/adapters/lora-plan.ts';
import * as parse from '../../shared/cli/arguments.ts';
import { addColumnOptions, gatherColumns } from '../../shared/cli/column-options.ts';
import { threadsOption } from '../../shared/cli/compute-option.ts';
import type { ColumnNames } from '../../shared/data/column-names.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { cutRows } from '../../shared/examples/cut-rows.ts';
import type { TaskKind } from '../../shared/task.ts';
import { counted, formatDuration } from '../../shared/text/amounts.ts';
import { trainingDefaults as defaults, learningRateFor } from '../training/training-options.ts';

interface TrainFlags extends ColumnNames {
  readonly model: string;
  readonly task: TaskKind;
  readonly train: string[];
  readonly dev: string[];
  readonly out: string;
  readonly labels?: string[];
  readonly epochs: number;
  readonly batchSize: number;
  readonly lr?: number;
  readonly lora?: number;
  readonly loraAlpha?: number;
  readonly loraTargets?: string[];
  readonly warmupRatio: number;
  readonly weightDecay: number;
  readonly maxLength?: number;
  readonly seed: number;
  readonly headSeed: number;
  readonly freeze: RegExp[];
  readonly threads?: number;
  readonly json?: boolean;
}

/** Adds `regmean train`. */
export function registerTrainCommand(program: Command): void {
  const command = program
    .command('train')
    .description('fine-tune a base model on private data')
    .requiredOption(
      '--model <dir>',
      'base model: a Hugging Face folder, an ONNX file, or model.json of TensorFlow.js',
    )
    .requiredOption('--task <kind>', 'what the model learns to do', parse.taskKind)
    .requiredOption('--train <file...>', 'training data: .jsonl, .csv, .tsv, .conll or .parquet')
    .option('--dev <file...>', 'data that the best epoch is chosen on', [])
    .requiredOption('--out <dir>', 'folder of the fine-tuned model; run again after a stop, it continues')
    .option('--labels <names>', 'classes in the order of the head, separated by commas', parse.nameList)
    .option('--epochs <n>', 'passes over the training data', parse.positiveInteger, defaults.epochs)
    .option('--batch-size <n>', 'examples per step', parse.positiveInteger, defaults.batchSize)
    .option(
      '--lr <rate>',
      `highest learning rate (default: ${learningRateFor(undefined, undefined)}; ${learningRateFor(undefined, { rank: 1 })} with --lora)`,
      parse.positiveNumber,
    )
    .option(
      '--warmup-ratio <share>',
      'share of steps with a rising rate',
      parse.fraction,
      defaults.warmupRatio,
    )
    .option('--weight-decay <decay>', 'decoupled weight decay', parse.nonNegativeNumber, defaults.weightDecay)
    .option('--max-length <tokens>', 'longer rows are cut', parse.positiveInteger)
    .option('--seed <n>', 'seed of batches and dropout', parse.nonNegativeInteger, defaults.seed)
    .option(
      '--head-seed <n>',
      'seed of a new task head: one per round',
      parse.nonNegativeInteger,
      defaults.headSeed,
    )
    .option(
      '--lora <rank>',
      'train updates of this rank and the head alone; the result is an adapter of Hugging Face PEFT',
      parse.positiveInteger,
    )
    .option(
      '--lora-alpha <alpha>',
      'updates are multiplied by alpha / rank (default: twice the rank)',
      parse.positiveNumber,
    )
    .option(
      '--lora-targets <names>',
      'layers with an update, by ends of their names, separated by commas (default: every linear layer of the encoder)',
      parse.nameList,
    )
    .option('--freeze <regex>', 'parameters that stay as they are; may be repeated', parse.patternList, [])
    .addOption(threadsOption())
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      '\nExample:\n  regmean train --model base --task text-classification --train train.jsonl --dev dev.jsonl --out tuned\n' +
        '  regmean train --model base --task text-classification --train train.jsonl --dev dev.jsonl --lora 8 --out lora',
    )
    .action(async (flags: TrainFlags) => {
      const { trainModel } = await import('../steps/train-model.ts');
      const { commandContext } = await import('../../shared/cli/command-context.ts');
      const {
        train,
        dev,
        lr,
        json,
        threads,
        lora: rank,
        loraAlpha,
        loraTargets,
        ...rest
      } = gatherColumns(flags);
      const lora = lowRankOptions(rank, loraAlpha, loraTargets);
      const options = {
        ...rest,
        ...{ trainFiles: train, devFiles: dev, learningRate: learningRateFor(lr, lora) },
        ...(lora === undefined ? {} : { lora }),
      };
      const result = await trainModel(options, commandContext({ threads }));
      if (json === true) {
        process.stdout.write(`${JSON.stringify(result)}\n`);
        return;
      }
      const metrics = Object.entries(result.metrics).map(([name, value]) => `${name} ${value.toFixed(4)}`);
      const classes =
        result.labels.length === 0 ? '' : `, ${counted(result.labels.length, 'class', 'classes')}`;
      const lines = [
        `fine-tuned on ${counted(result.trainExamples, 'example')}${classes}, in ${formatDuration(result.seconds)} (${result.tokensPerSecond} tokens/s)`,
        metrics.length > 0
          ? `epoch ${result.epoch} kept, on dev: ${metrics.join(', ')}`
          : `epoch ${result.epoch} kept`,
        ...(result.truncatedExamples > 0 ? [cutRows(result.truncatedExamples)] : []),
        `${lora === undefined ? 'model' : 'adapter'}: ${result.out}`,
      ];
      process.stdout.write(`${lines.join('\n')}\n`);
    });
  addColumnOptions(command);
}

/**
 * The updates that flags ask for; undefined where none are.
 *
 * @throws RegmeanError `usage` when only details of them are given
 */
function lowRankOptions(
  rank: number | undefined,
  alpha: number | undefined,
  targets: readonly string[] | undefined,
): LowRankOptions | undefined {
  if (rank !== undefined) return { rank, alpha, targets };
  const detail = alpha !== undefined ? '--lora-alpha' : targets !== undefined ? '--lora-targets' : null;
  if (detail === null) return undefined;
  throw new RegmeanError('usage', `${detail}: needs --lora RANK`);
}
