import { stringify } from 'yaml';
import type { z } from '../../shared/zod.ts';
import { methodNamed } from '../methods/merge-keys.ts';
import type { LayerGroupReport } from '../methods/merge-step.ts';
import { inWords, metaOf } from '../methods/option.ts';
import {
  type ChoiceReport,
  describeRank,
  howManyParameters,
  largestResidual,
  type MergeReport,
  singularGroups,
} from './merge-report.ts';

/** Tasks as Hugging Face names its pipelines. */
const pipelineTags: Readonly<Record<string, string>> = {
  'text-classification': 'text-classification',
  'multi-label-classification': 'text-classification',
  regression: 'text-classification',
  'token-classification': 'token-classification',
  text2text: 'text2text-generation',
  'causal-lm': 'text-generation',
  'masked-lm': 'fill-mask',
};

/** README.md of a merged model: Hugging Face's front matter, then how the model came to be. */
export function modelCard(report: MergeReport): string {
  const tag = report.task === null ? undefined : pipelineTags[report.task];
  const frontMatter = stringify({
    library_name: report.adapter === null ? 'transformers' : 'peft',
    ...(tag === undefined ? {} : { pipeline_tag: tag }),
    tags: ['merge', 'regmean', ...(report.adapter === null ? [] : ['lora'])],
  });
  const sections = [
    `---\n${frontMatter}---`,
    report.adapter === null ? '# A fused language model' : '# A merged LoRA adapter',
    introduction(report),
    table(['', ''], facts(report)),
    '## Agents',
    table(['agent', 'coefficient', 'Gram rows', 'training examples', 'metrics it shared'], agentRows(report)),
    ...inputs(report),
    ...fittedHead(report),
    ...candidates(report),
    ...(report.classes === null
      ? []
      : [
          '## Classes that not all agents know',
          table(
            ['class', 'merged from'],
            Object.entries(report.classes).map(([name, agents]) => [`\`${name}\``, agents.join(', ')]),
          ),
        ]),
    ...(report.groups.length === 0 ? [] : ['## Linear layers', describeGroups(report)]),
    ...averagedLayers(report),
    ...differences(report),
    '## Files',
    table(['file', 'bytes', 'SHA-256'], fileRows(report)),
  ];
  return `${sections.join('\n\n')}\n`;
}

/** The method in a sentence, with where it was published. */
function howMerged({ method: name }: MergeReport): string {
  const { title, description, paper } = methodNamed(name);
  const reference = paper === undefined ? '' : ` ([${paper.citation}](${paper.link}))`;
  return `${title}${reference}: ${description}`;
}

function introduction(report: MergeReport): string {
  const { agents, heads } = report;
  const where =
    heads === 'separate'
      ? ' This folder holds the fused encoder; `heads/<agent>/` is the model with that agent’s own head.'
      : '';
  const merged =
    report.adapter === null
      ? 'models that were fine-tuned from one base on separate data'
      : 'adapters of one base that were trained on separate data, in the space that their factors span';
  return (
    `Merged from ${agents.length} ${merged}, by ${howMerged(report)}.${where} ` +
    'No training data was seen by the merge. Details are in `merge-report.json`.'
  );
}

function facts(report: MergeReport): string[][] {
  const { search, method, options, scale, task, labels, baseFingerprint, parameters, tool } = report;
  const { excluded } = parameters;
  const optional: [string, string | null | undefined][] = [
    ['method', method],
    ...Object.entries(methodNamed(method).options.shape).flatMap(([key, schema]): [string, string][] =>
      options[key] === undefined
        ? []
        : [[metaOf(schema as z.ZodType).label ?? inWords(key), String(options[key])]],
    ),
    ['scale of the change from the base', scale === 1 ? null : String(scale)],
    ['rank', report.adapter === null ? null : describeRank(report.adapter)],
    ['task', task],
    ['labels', labels?.map((label) => `\`${label}\``).join(', ')],
    ['base fingerprint', baseFingerprint === null ? 'unknown' : `\`${baseFingerprint}\``],
    ['parameters', howManyParameters(report)],
    ...Object.entries(parameters.patterns).map(([option, patterns]): [string, string] => [
      option,
      patterns.map((pattern) => `\`${pattern}\``).join(', '),
    ]),
    ['kept from the base', excluded.map((name) => `\`${name}\``).join(', ')],
    [
      'coefficients',
      search === null
        ? null
        : `the best of ${search.trials.length} tried, by ${search.metric} on ${search.examples} validation examples`,
    ],
    ['made with', tool],
  ];
  return optional.flatMap(([name, value]) => (value ? [[name, value]] : []));
}

function agentRows({ agents }: MergeReport): string[][] {
  return agents.map(({ agent, coefficient, rows, trainingExamples, metrics }) => [
    agent,
    coefficient.toPrecision(4),
    rows === null ? 'unknown' : rows.min === rows.max ? `${rows.min}` : `${rows.min} to ${rows.max}`,
    trainingExamples?.toString() ?? 'unknown',
    Object.entries(metrics)
      .map(([name, value]) => `${name} ${value.toPrecision(4)}`)
      .join(', '),
  ]);
}

/** That the head is none of the merge. */
function fittedHead({ head }: MergeReport): string[] {
  if (head === undefined) return [];
  const rows = head.agents.reduce((sum, own) => sum + own.rows, 0);
  return [
    `The head, \`${head.layer}\`, is the ridge regression (${head.ridge}) of the labels of ` +
      `${head.agents.map(({ agent }) => agent).join(', ')} on what it reads in the merged encoder, over all ${rows} rows ` +
      'together ([He et al., 2025](https://arxiv.org/abs/2405.16240)).',
  ];
}

/** Whose Grams are not of its own model. */
function inputs({ agents, options }: MergeReport): string[] {
  const others = agents.filter(({ inputsFrom }) => inputsFrom !== null);
  if (others.length === 0 || options.alpha === undefined) return [];
  const who = others.length === agents.length ? 'all agents' : others.map(({ agent }) => agent).join(', ');
  const models = [...new Set(others.map(({ inputsFrom }) => `\`${inputsFrom}\``))].join(', ');
  return [
    `The Grams of ${who} are of layers’ inputs in an earlier merge, fingerprint ${models} ` +
      '([Nguyen et al., 2025](https://arxiv.org/abs/2508.03121)).',
  ];
}

function describeGroups(report: MergeReport): string {
  const singular = singularGroups(report);
  const solved =
    `${report.groups.length} systems of equations, one per Gram, solved in float64; ` +
    `the largest relative residual is ${largestResidual(report).toExponential(1)}.`;
  if (singular.length === 0) return `${solved} All of them were regular.`;
  return [
    `${solved} ${singular.length} of them did not determine every weight: where no data ever reached an input or a ` +
      'direction, the weights stay at the average of the agents.',
    table(
      ['layer', 'inputs', 'never active', 'jitter', 'relative residual'],
      singular.map((group: LayerGroupReport) => [
        `\`${group.name}\``,
        `${group.dimension}`,
        `${group.deadInputs}`,
        group.jitter === 0 ? 'none' : group.jitter.toExponential(0),
        group.relativeResidual.toExponential(1),
      ]),
    ),
  ].join('\n\n');
}

/** All that the model was chosen from, with the scores that decided. */
function candidates({ choice }: MergeReport): string[] {
  if (choice === null) return [];
  const number = (value: number | null | undefined): string => value?.toFixed(4) ?? '';
  const agents = Object.keys(choice.candidates[0]?.scores ?? {});
  const metrics = new Set(
    choice.candidates.flatMap(({ scores }) => Object.values(scores)).map((own) => own.metric),
  );
  const left = [
    ...choice.leftOut.map(({ title, reason }) => [title, reason]),
    ...Object.entries(choice.incomplete).map(([agent, names]) => [
      `scores of ${agent}`,
      `do not count, without ${names.join(', ')}`,
    ]),
  ];
  return [
    '## Candidates',
    `${howChosen(choice)}${metrics.size === 0 ? '' : ` Scores are ${[...metrics].join(' and ')}.`}`,
    table(
      ['candidate', ...agents, ...(agents.length > 1 ? ['mean', 'worst'] : []), 'chosen'],
      choice.candidates.map(({ name, title, scores, mean, worst }) => [
        title,
        ...agents.map((agent) => number(scores[agent]?.value)),
        ...(agents.length > 1 ? [number(mean), number(worst)] : []),
        name === choice.chosen ? 'yes' : '',
      ]),
    ),
    ...(left.length === 0 ? [] : [table(['left out', 'why'], left)]),
  ];
}

/** Why a candidate was chosen, in a sentence. */
export function howChosen({ by, rule }: Pick<ChoiceReport, 'by' | 'rule'>): string {
  if (by === 'order') return 'The first of the candidates that could be merged: nobody scored them.';
  if (by === 'validation') return 'The best candidate on the developer’s validation data.';
  const best = {
    mean: 'highest mean over agents',
    worst: 'highest score of the worst agent',
    both: 'highest mean over agents among those whose worst agent is within a point of the best',
  } as const;
  return `The candidate with the ${best[rule ?? 'mean']}, each on its own private data.`;
}

/** Linear layers that were not solved for, and why. */
function averagedLayers({ parameters: { averagedLayers: layers, unusedGrams } }: MergeReport): string[] {
  const unused = unusedGrams.map((module) => `\`${module}\``).join(', ');
  return [
    ...(layers.length === 0
      ? []
      : [
          '## Linear layers that were averaged',
          table(
            ['layer', 'why'],
            layers.map(({ layer, reason }) => [`\`${layer}\``, reason]),
          ),
        ]),
    ...(unused === '' ? [] : [`Grams that belong to no layer of the model were not used: ${unused}.`]),
  ];
}

/** In what the merged models were not one function of their weights. */
function differences({ allowedDifferences }: MergeReport): string[] {
  if (allowedDifferences.length === 0) return [];
  return [
    '## Differences between the models that were merged all the same',
    table(
      ['field', 'values'],
      allowedDifferences.map(({ field, values }) => [`\`${field}\``, valuesByAgent(values)]),
    ),
  ];
}

/** `north: 12, south: 6` */
export function valuesByAgent(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([agent, value]) => `${agent}: ${value}`)
    .join(', ');
}

function fileRows({ files }: MergeReport): string[][] {
  return Object.entries(files).map(([name, { bytes, sha256 }]) => [name, `${bytes}`, `\`${sha256}\``]);
}

/** A Markdown table; cells must not break out of it, and agents' names come from outside. */
function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replace(/[\r\n]+/g, ' ').replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}
