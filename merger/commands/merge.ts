import { type Command, InvalidArgumentError, Option } from 'commander';
import * as parse from '../../shared/cli/arguments.ts';
import { addColumnOptions, gatherColumns } from '../../shared/cli/column-options.ts';
import type { ColumnNames } from '../../shared/data/column-names.ts';
import { RegmeanError } from '../../shared/errors.ts';
import type { TaskKind } from '../../shared/task.ts';
import {
  coefficientScales,
  fisherNormalizations,
  gramScales,
  headMergings,
  type MergeOptions,
  mergeMethods,
} from '../merge/merge-options.ts';
import type { MergeReport } from '../merge/merge-report.ts';

interface MergeFlags extends ColumnNames {
  readonly out: string;
  readonly method: MergeOptions['method'];
  readonly alpha?: readonly number[];
  readonly validation?: readonly string[];
  readonly task?: TaskKind;
  readonly trials?: number;
  readonly seed: number;
  readonly maxLength?: number;
  readonly threads?: number;
  readonly ridge?: number;
  readonly coefficientScale: NonNullable<MergeOptions['coefficientScale']>;
  readonly heads: NonNullable<MergeOptions['heads']>;
  readonly fisherSmoothing: number;
  readonly fisherNormalize: NonNullable<MergeOptions['fisherNormalize']>;
  readonly include: readonly string[];
  readonly average: readonly string[];
  readonly coefficients?: readonly number[];
  readonly gramScale: 'mean' | 'sum';
  readonly exclude: readonly string[];
  readonly base?: string;
  readonly json?: true;
}

const examples = `
Examples:
  $ regmean merge contributions/north contributions/south --out fused
  $ regmean merge a b c --out fused --alpha 0.5 --coefficients 0.5,0.3,0.2
  $ regmean merge a b --out average --method simple
  $ regmean merge a b --out fused --method fisher
  $ regmean merge a b c --out fused --validation dev.jsonl --alpha 0.5,0.9
  $ regmean merge sentiment names --out fused --heads separate
  $ regmean merge a b --out fused --exclude '^classifier' --base base-model

A contribution is a Hugging Face model folder with grams.safetensors, as "regmean stats" writes it. Grams made
elsewhere are square tensors [d, d] named by module, averaged over rows. Heads with different classes are united by
name, each class merged from the agents that know it; with --heads separate the models are in OUT/heads/AGENT. The output is a Hugging Face model folder with
a model card and merge-report.json. An earlier merge at --out is replaced; any other folder that holds something is not.`;

/** Adds \`regmean merge\`: merges contribution folders into one model folder. */
export function registerMergeCommand(program: Command): void {
  const command = program
    .command('merge')
    .summary('merge contributions into one model')
    .description('Merge contributions of several agents into one model, without data and without training.')
    .argument('<contribution...>', 'contribution folders')
    .requiredOption('--out <dir>', 'model folder to write')
    .addOption(new Option('--method <method>', 'how to merge').choices(mergeMethods).default('regmean'))
    .option(
      '--alpha <number>',
      'share of the off-diagonal Gram entries that is kept, 0 (the diagonal only) to 1 (default: 0.9; 1 with --ridge); several, as 0.1,0.9, are tried with --validation',
      parseNumbers,
    )
    .option('--ridge <number>', 'constant added to the diagonal of every Gram', parseNumber)
    .option(
      '--coefficients <list>',
      'weight of each contribution, as 0.3,0.7 (default: all equal)',
      parseNumbers,
    )
    .option(
      '--validation <file...>',
      'labelled data to choose coefficients on: a grid for two, random ones for more',
    )
    .option(
      '--trials <n>',
      'coefficients to try (default: 9 for two contributions, 20 for more)',
      parse.positiveInteger,
    )
    .option('--seed <n>', 'seed of random coefficients', parse.nonNegativeInteger, 1)
    .option('--task <kind>', 'task of the validation data, where no contribution says it', parse.taskKind)
    .option('--max-length <tokens>', 'longer validation rows are cut', parse.positiveInteger)
    .addOption(
      new Option(
        '--coefficient-scale <scale>',
        'as-given: not divided by their sum, as in the reference code',
      )
        .choices(coefficientScales)
        .default('normalized'),
    )
    .addOption(
      new Option('--gram-scale <scale>', 'mean: agents count the same; sum: by their rows')
        .choices(gramScales)
        .default('mean'),
    )
    .addOption(
      new Option(
        '--fisher-normalize <by>',
        'divide Fisher information by its norm over each parameter, or the model',
      )
        .choices(fisherNormalizations)
        .default('none'),
    )
    .option('--fisher-smoothing <number>', 'added to all Fisher information', parseNumber, 1e-10)
    .addOption(
      new Option(
        '--heads <way>',
        'one head for all classes, united by name, or each agent’s own beside the encoder',
      )
        .choices(headMergings)
        .default('united'),
    )
    .option('--average <regex>', 'parameters that are averaged whatever the method; repeatable', collect, [])
    .option(
      '--include <regex>',
      'only these parameters are merged, the others keep the values of --base',
      collect,
      [],
    )
    .option(
      '--exclude <regex>',
      'parameters that keep the values of --base; searched anywhere in the name, repeatable',
      collect,
      [],
    )
    .option('--base <dir>', 'base model folder, for --include and --exclude')
    .option('--threads <n>', 'threads to compute with (default: one per core)', parse.positiveInteger)
    .option('--json', 'print the merge report as JSON')
    .addHelpText('after', examples)
    .action(runMerge);
  addColumnOptions(command);
}

async function runMerge(contributions: string[], flags: MergeFlags): Promise<void> {
  const {
    json,
    alpha: alphas = [],
    validation,
    task,
    trials,
    seed,
    maxLength,
    threads,
    columns,
    ...rest
  } = gatherColumns(flags);
  const { mergeContributions } = await import('../merge/merge-contributions.ts');
  const { commandContext } = await import('../../shared/cli/command-context.ts');
  if (validation === undefined && alphas.length > 1) {
    throw new RegmeanError(
      'usage',
      `--alpha: several are tried with --validation only, got ${alphas.join(', ')}`,
    );
  }
  const [alpha] = alphas;
  const options = { ...rest, ...(alphas.length === 1 && alpha !== undefined ? { alpha } : {}) };
  const context = commandContext({ threads });
  let report: MergeReport;
  if (validation === undefined) {
    report = await mergeContributions(contributions, options, context, { checkFiles: true });
  } else {
    const { mergeBySearch } = await import('../search/merge-by-search.ts');
    const search = {
      ...{ validationFiles: validation, columns, seed, alphas: alphas.length > 1 ? alphas : [] },
      ...(task === undefined ? {} : { task }),
      ...(trials === undefined ? {} : { trials }),
      ...(maxLength === undefined ? {} : { maxLength }),
    };
    report = await mergeBySearch(contributions, options, search, context);
  }
  process.stdout.write(
    json ? `${JSON.stringify(report, undefined, 2)}\n` : await describe(report, options.out),
  );
}

async function describe(report: MergeReport, out: string): Promise<string> {
  const { largestResidual, singularGroups } = await import('../merge/merge-report.ts');
  const { solved, averaged, excluded } = report.parameters;
  const lines = [
    `merged ${report.agents.map(({ agent }) => agent).join(', ')} into ${out}`,
    `parameters: ${solved} solved, ${averaged} averaged, ${excluded.length} kept from the base`,
  ];
  if (report.search !== null) {
    const { metric, examples: count, trials } = report.search;
    const best = Math.max(...trials.map(({ score }) => score));
    const chosen = report.agents.map(({ agent, coefficient }) => `${agent} ${coefficient.toFixed(3)}`);
    lines.push(
      `coefficients: ${chosen.join(', ')}${report.alpha === null ? '' : `, alpha ${report.alpha}`}: ${metric} ` +
        `${best.toFixed(4)} on ${count} validation examples, the best of ${trials.length}`,
    );
  }
  for (const [name, agents] of Object.entries(report.classes ?? {})) {
    lines.push(`class ${name}: from ${agents.join(', ')}`);
  }
  if (report.groups.length > 0) {
    const residual = largestResidual(report).toExponential(1);
    lines.push(`systems: ${report.groups.length}, largest relative residual ${residual}`);
  }
  for (const { name, deadInputs, jitter } of singularGroups(report)) {
    const reasons = [
      ...(deadInputs > 0 ? [`${deadInputs} inputs never active`] : []),
      ...(jitter > 0 ? [`singular, jitter ${jitter.toExponential(0)}`] : []),
    ];
    lines.push(`  ${name}: ${reasons.join(', ')}; undetermined weights are the average`);
  }
  return `${lines.join('\n')}\n`;
}

function parseNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('must be a number');
  return value;
}

function parseNumbers(text: string): number[] {
  return text.split(',').map(parseNumber);
}

function collect(value: string, previous: readonly string[]): string[] {
  return [...previous, value];
}
