import type { Command } from 'commander';
import * as parse from '../../shared/cli/arguments.ts';
import { addColumnOptions, gatherColumns } from '../../shared/cli/column-options.ts';
import { threadsOption } from '../../shared/cli/compute-option.ts';
import type { ColumnNames } from '../../shared/data/column-names.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { listed } from '../../shared/listed.ts';
import type { TaskKind } from '../../shared/task.ts';
import { autoMethod } from '../auto/auto-options.ts';
import type { MergeReport } from '../merge/merge-report.ts';
import { inWords } from '../methods/option.ts';
import { type AutoFlags, addAutoFlags, choiceLines, requireAutoFor, runAuto } from './merge-auto.ts';
import { addMergeFlags, flagOf, readMergeFlags } from './merge-flags.ts';

interface OtherFlags extends ColumnNames, AutoFlags {
  readonly out?: string;
  readonly validation?: readonly string[];
  readonly task?: TaskKind;
  readonly trials?: number;
  readonly seed: number;
  readonly maxLength?: number;
  readonly threads?: number;
  readonly json?: true;
}

const examples = `
Examples:
  $ regmean merge contributions/north contributions/south --out fused
  $ regmean merge a b c --out fused --alpha 0.5 --coefficients 0.5,0.3,0.2
  $ regmean merge a b --out average --method simple
  $ regmean merge a b --out fused --method fisher
  $ regmean merge a b c --out fused --validation dev.jsonl --alpha 0.5,0.9
  $ regmean merge a b c --method auto --base base --candidates shared
  $ regmean merge a b c --method auto --base base --scores a.json b.json c.json --out fused
  $ regmean merge a b c --method auto --base base --validation dev.jsonl --out fused
  $ regmean merge sentiment names --out fused --heads separate
  $ regmean merge a b --out fused --exclude '^classifier' --base base-model
  $ regmean merge lora-a lora-b --base base --covariance weights --out lora

A contribution is a Hugging Face model folder with grams.safetensors, as "regmean stats" writes it. Grams made
elsewhere are square tensors [d, d] named by module, averaged over rows. Heads with different classes are united by
name, each class merged from the agents that know it; with --heads separate the models are in OUT/heads/AGENT. The output is a Hugging Face model folder with
a model card and merge-report.json. Where all contributions are LoRA adapters of Hugging Face PEFT, the output is one too,
of the sum of their ranks or of --rank. An earlier merge at --out is replaced; any other folder that holds something is not.`;

/** Adds \`regmean merge\`: merges contribution folders into one model folder. */
export function registerMergeCommand(program: Command): void {
  const command = program
    .command('merge')
    .summary('merge contributions into one model')
    .description('Merge contributions of several agents into one model, without data and without training.')
    .argument('<contribution...>', 'contribution folders')
    .option('--out <dir>', 'model folder to write')
    .addOption(threadsOption())
    .option('--json', 'print the merge report as JSON');
  addMergeFlags(command, { defaults: 'own', search: true })
    .optionsGroup('Search:')
    .option(
      '--validation <file...>',
      'labelled data to choose coefficients on, a grid for two, random ones for more, and numbers of the method, as --alpha 0.1,0.9',
    )
    .option(
      '--trials <n>',
      'coefficients to try (default: 9 for two contributions, 20 for more)',
      parse.positiveInteger,
    )
    .option('--seed <n>', 'seed of random coefficients', parse.nonNegativeInteger, 1)
    .option('--task <kind>', 'task of the validation data, where no contribution says it', parse.taskKind)
    .option('--max-length <tokens>', 'longer validation rows are cut', parse.positiveInteger)
    .addHelpText('after', examples)
    .action(runMerge);
  addAutoFlags(command);
  addColumnOptions(command);
}

async function runMerge(contributions: string[], flags: OtherFlags): Promise<void> {
  const { out, threads, json, validation, task, trials, seed, maxLength, columns } = gatherColumns(flags);
  const { method, given, several } = readMergeFlags(flags);
  requireAutoFor(method, flags);
  if (out === undefined && flags.candidates === undefined) {
    throw new RegmeanError('usage', '--out: must be given', {
      hint: `or, with --method ${autoMethod}, --candidates for agents to score`,
    });
  }
  const { commandContext } = await import('../../shared/cli/command-context.ts');
  const [searched] = Object.entries(several);
  if (validation === undefined && searched !== undefined) {
    const [key, values] = searched;
    throw new RegmeanError(
      'usage',
      `${flagOf(key)}: several are tried with --validation only, got ${values.join(', ')}`,
    );
  }
  const context = commandContext({ threads });
  const source =
    validation === undefined
      ? undefined
      : {
          ...{ validationFiles: validation, columns },
          ...(task === undefined ? {} : { task }),
          ...(maxLength === undefined ? {} : { maxLength }),
        };
  const print = async (told: object, text: string | Promise<string>): Promise<void> => {
    process.stdout.write(json ? `${JSON.stringify(told, undefined, 2)}\n` : await text);
  };
  if (method === autoMethod) {
    if (trials !== undefined) {
      throw new RegmeanError(
        'usage',
        `--trials: searches coefficients, --method ${autoMethod} takes those given`,
      );
    }
    const { candidates, scores } = flags;
    const request = { contributions, options: { ...given, method }, out, candidates, scores };
    const done = await runAuto({ ...request, validation: source }, context);
    return print(done.json, done.report === null ? done.text : describe(done.report, out as string));
  }
  const options = { ...given, method, out: out as string };
  let report: MergeReport;
  if (source === undefined) {
    const { mergeContributions } = await import('../merge/merge-contributions.ts');
    report = await mergeContributions(contributions, options, context, { checkFiles: true });
  } else {
    const { mergeBySearch } = await import('../search/merge-by-search.ts');
    const search = { ...source, seed, values: several, ...(trials === undefined ? {} : { trials }) };
    report = await mergeBySearch(contributions, options, search, context);
  }
  await print(report, describe(report, options.out));
}

async function describe(report: MergeReport, out: string): Promise<string> {
  const { describeRank, howManyParameters, largestResidual, singularGroups } = await import(
    '../merge/merge-report.ts'
  );
  const { valuesByAgent } = await import('../merge/model-card.ts');
  const lines = [
    `merged ${report.agents.map(({ agent }) => agent).join(', ')} into ${out}`,
    `parameters: ${howManyParameters(report)}`,
    ...(report.adapter === null ? [] : [`adapter: rank ${describeRank(report.adapter)}`]),
  ];
  lines.push(...averagedLines(report));
  for (const { field, values } of report.allowedDifferences) {
    lines.push(`different, as allowed: ${field}: ${valuesByAgent(values)}`);
  }
  if (report.search !== null) {
    const { metric, examples: count, trials } = report.search;
    const best = Math.max(...trials.map(({ score }) => score));
    const chosen = report.agents.map(({ agent, coefficient }) => `${agent} ${coefficient.toFixed(3)}`);
    const values = Object.entries(trials[0]?.options ?? {}).map(
      ([key]) => `, ${inWords(key)} ${report.options[key]}`,
    );
    lines.push(
      `coefficients: ${chosen.join(', ')}${values.join('')}: ${metric} ` +
        `${best.toFixed(4)} on ${count} validation examples, the best of ${trials.length}`,
    );
  }
  if (report.choice !== null) lines.push(...(await choiceLines(report.choice)));
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

/** Linear layers that were averaged, by reason, and Grams that were not used. */
function averagedLines({ parameters: { averagedLayers, unusedGrams } }: MergeReport): string[] {
  const reasons = [...new Set(averagedLayers.map(({ reason }) => reason))];
  const layersOf = (reason: string): string[] =>
    averagedLayers.flatMap((own) => (own.reason === reason ? [own.layer] : []));
  return [
    ...reasons.map((reason) => `averaged: ${listed(layersOf(reason))}: ${reason}`),
    ...(unusedGrams.length === 0 ? [] : [`Grams of no layer of the model: ${listed(unusedGrams)}`]),
  ];
}
