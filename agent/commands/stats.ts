import { type Command, Option } from 'commander';
import * as parse from '../../shared/cli/arguments.ts';
import { addColumnOptions, gatherColumns } from '../../shared/cli/column-options.ts';
import { threadsOption } from '../../shared/cli/compute-option.ts';
import {
  type FisherReduction,
  type FisherVariant,
  fisherDefaults,
  fisherReductions,
  fisherVariants,
} from '../../shared/contribution/fisher.ts';
import {
  complaintsAboutGrams,
  defaultGramRank,
  type GramFormName,
  type GramWishes,
  gramChoices,
  gramFormOf,
  gramForms,
} from '../../shared/contribution/gram-forms.ts';
import { outputGramsDefaults } from '../../shared/contribution/output-grams.ts';
import type { ColumnNames } from '../../shared/data/column-names.ts';
import { RegmeanError } from '../../shared/errors.ts';
import type { TaskKind } from '../../shared/task.ts';
import { formatDuration } from '../../shared/text/amounts.ts';
import {
  statisticsDefaults as defaults,
  type PaddingChoice,
  type PositionRowsChoice,
  paddingChoices,
  positionRowsChoices,
} from '../statistics/statistics-options.ts';

interface StatsFlags extends ColumnNames {
  readonly model: string;
  readonly task: TaskKind;
  readonly data?: string[];
  readonly labels?: string[];
  readonly out: string;
  readonly agent: string;
  readonly base?: string;
  readonly inputsFrom?: string;
  readonly batches: number;
  readonly batchSize: number;
  readonly maxLength?: number;
  readonly seed: number;
  readonly shareMetrics: boolean;
  readonly threads?: number;
  readonly grams: GramWishes['grams'] | false;
  readonly rank?: number;
  readonly tokenGrams?: GramFormName;
  readonly norms: boolean;
  readonly padding: PaddingChoice;
  readonly positionRows: PositionRowsChoice;
  readonly fisher?: FisherVariant;
  readonly fisherExamples: number;
  readonly fisherReduction: FisherReduction;
  readonly outputGrams?: FisherVariant;
  readonly outputGramsExamples: number;
  readonly json?: boolean;
}

/** Adds `regmean stats`. */
export function registerStatsCommand(program: Command): void {
  const command = program
    .command('stats')
    .description(
      "compute Gram matrices of every linear layer's inputs, or other statistics, and write the contribution",
    )
    .requiredOption('--model <dir>', 'fine-tuned model, a folder or an ONNX file, or a LoRA adapter')
    .requiredOption('--task <kind>', 'task of the model', parse.taskKind)
    .option('--data <file...>', 'the data that the model was fine-tuned on; an adapter needs none')
    .requiredOption('--out <dir>', 'contribution folder to write')
    .option('--agent <name>', 'name of the agent in the round', 'agent')
    .option('--base <dir>', 'base model, where the fine-tuned folder has no training.json')
    .option(
      '--inputs-from <dir>',
      'merged model: Grams of what layers read in it, for a second merge (RegMean++)',
    )
    .option(
      '--labels <names>',
      'classes in the order of the head, separated by commas, where the folder does not name them',
      parse.nameList,
    )
    .option('--batches <n>', 'most batches to read', parse.positiveInteger, defaults.batches)
    .option('--batch-size <n>', 'examples per batch', parse.positiveInteger, defaults.batchSize)
    .option('--max-length <tokens>', 'longer rows are cut', parse.positiveInteger)
    .option('--seed <n>', 'seed of the choice of batches', parse.nonNegativeInteger, defaults.seed)
    .addOption(
      new Option(
        '--fisher <variant>',
        'also collect diagonal Fisher information: labels of the data, of the model, or in expectation',
      ).choices(fisherVariants),
    )
    .option('--fisher-examples <n>', 'most examples for it', parse.positiveInteger, fisherDefaults.examples)
    .addOption(
      new Option(
        '--fisher-reduction <way>',
        'square gradients of examples, or of batch means as the reference code does',
      )
        .choices(fisherReductions)
        .default(fisherDefaults.reduction),
    )
    .addOption(
      new Option(
        '--output-grams <variant>',
        'also collect covariances of the gradients of layers’ outputs, labels as for --fisher, for `merge --outputs gradients`',
      ).choices(fisherVariants),
    )
    .option(
      '--output-grams-examples <n>',
      'most examples for them',
      parse.positiveInteger,
      outputGramsDefaults.examples,
    )
    .addOption(
      new Option('--padding <choice>', 'whether rows of padding are part of Grams, as in the reference code')
        .choices(paddingChoices)
        .default('excluded'),
    )
    .addOption(
      new Option(
        '--position-rows <choice>',
        "whether projections that DeBERTa shares count its position table's rows, as in the reference code",
      )
        .choices(positionRowsChoices)
        .default('excluded'),
    )
    .addOption(
      new Option(
        '--grams <form>',
        'what is written of Grams: all, a factor of low rank and the diagonal, the diagonal, or nothing',
      )
        .choices(gramChoices)
        .default('dense'),
    )
    .option('--no-grams', 'the same as --grams none')
    .option(
      '--rank <k>',
      `rows of a factor at most, with --grams factored (default: ${defaultGramRank})`,
      parse.positiveInteger,
    )
    .addOption(
      new Option(
        '--token-grams <form>',
        'the same of Grams of single tokens, before any attention, which tell of the vocabulary (default: diagonal, or dense with --grams dense)',
      ).choices(gramForms),
    )
    .option(
      '--norms',
      'also collect sums of the normalised inputs of every normalisation layer, for `merge --vectors norms`',
      false,
    )
    .option('--share-metrics', 'put the metrics on the dev data into the contribution', false)
    .addOption(threadsOption())
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      '\nOnly weights, Gram matrices, counts and label names are written, and Fisher information, sums of normalisation layers and\n' +
        'covariances of gradients where asked for: no text, no example, no label of an example.\n' +
        'Of a LoRA adapter of Hugging Face PEFT the two factors of every weight are the contribution, and no data is read:\n' +
        '  regmean stats --model lora --base base --task text-classification --labels routine,urgent --agent north --out contribution',
    )
    .action(async (flags: StatsFlags) => {
      const isWithoutGrams = flags.grams === false || flags.grams === 'none';
      if (isWithoutGrams && flags.fisher === undefined && !flags.norms && flags.outputGrams === undefined) {
        throw new RegmeanError(
          'usage',
          '--no-grams: needs --fisher, --norms or --output-grams, or there is nothing to collect',
        );
      }
      const { collectStatistics } = await import('../steps/collect-statistics.ts');
      const { commandContext } = await import('../../shared/cli/command-context.ts');
      const {
        data = [],
        grams: _,
        rank,
        tokenGrams,
        json,
        fisher: variant,
        fisherExamples,
        fisherReduction,
        outputGrams: ofOutputs,
        outputGramsExamples,
        threads,
        ...rest
      } = gatherColumns(flags);
      const fisher =
        variant === undefined
          ? {}
          : { fisher: { variant, examples: fisherExamples, reduction: fisherReduction } };
      const wishes = { grams: isWithoutGrams ? 'none' : flags.grams, rank, tokenGrams } as const;
      for (const [key, complaint] of Object.entries(complaintsAboutGrams(wishes))) {
        throw new RegmeanError('usage', `--${key === 'rank' ? key : 'token-grams'}: ${complaint}`);
      }
      const gramForm = gramFormOf(wishes);
      const grams = { grams: gramForm !== undefined, ...(gramForm === undefined ? {} : { gramForm }) };
      const outputGrams =
        ofOutputs === undefined ? {} : { outputGrams: { variant: ofOutputs, examples: outputGramsExamples } };
      const result = await collectStatistics(
        { ...rest, ...grams, ...fisher, ...outputGrams, dataFiles: data },
        commandContext({ threads }),
      );
      if (json === true) {
        process.stdout.write(`${JSON.stringify(result)}\n`);
        return;
      }
      process.stdout.write(
        (result.grams === 0
          ? ''
          : `${result.grams} Grams for ${result.linearLayers} linear layers from ${result.tokens} tokens of ` +
            `${result.examples} examples, in ${formatDuration(result.seconds)} (${result.tokensPerSecond} tokens/s)\n`) +
          (result.normLayers === 0 ? '' : `sums of ${result.normLayers} normalisation layers\n`) +
          (result.fisherExamples === 0 ? '' : `Fisher information from ${result.fisherExamples} examples\n`) +
          (result.outputGramsExamples === 0
            ? ''
            : `output Grams from ${result.outputGramsExamples} examples\n`) +
          `contribution: ${result.out}\n`,
      );
    });
  addColumnOptions(command);
}
