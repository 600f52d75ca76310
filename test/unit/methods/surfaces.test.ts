/**
 * @file Every option of every method is offered wherever merging is described, and refused there
 *   with a method that does not have it.
 */
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { parseExperiment } from '../../../deploy/experiment/experiment-file.ts';
import { flagOf, readMergeFlags } from '../../../merger/commands/merge-flags.ts';
import { registerMergerCommands } from '../../../merger/commands/register.ts';
import { resolveMergeOptions } from '../../../merger/merge/merge-options.ts';
import { commonOptions } from '../../../merger/methods/common-options.ts';
import {
  type MergeOption,
  mergeOptionList,
  methodNames,
  numberOptions,
} from '../../../merger/methods/merge-keys.ts';
import { bare, elementOf } from '../../../merger/methods/option.ts';
import { defaultMethod, mergeMethods } from '../../../merger/methods/registry.ts';
import { parseRecipe } from '../../../merger/recipe/read-recipe.ts';
import { type RoundView, roundMessage } from '../../../merger/service/round-message.ts';
import { formatRound } from '../../../shared/wire/round-report.ts';

/** The flags that README and scripts rely on; others may join them. */
const published = [
  ...['alpha', 'ridge', 'gramScale', 'fisherSmoothing', 'fisherNormalize', 'coefficients'],
  ...['coefficientScale', 'heads', 'include', 'exclude', 'average', 'base'],
];

/** What a command or a file knows from elsewhere and does not offer again. */
const knownElsewhere = {
  merge: [],
  'merger merge': ['base'],
  recipe: ['base'],
  // The experiment's own `base` and `heads`.
  experiment: ['base', 'heads'],
} as const;

/** A value that an option takes, as YAML. */
function sample({ key, schema }: MergeOption): string {
  const wanted = bare(schema) as z.ZodType;
  if (key === 'coefficients') return '{ north: 2, south: 1 }';
  if (wanted instanceof z.ZodEnum) return String(wanted.options.at(-1));
  if (elementOf(wanted) !== undefined) return "['^x']";
  if (!(wanted instanceof z.ZodNumber)) return 'text';
  return z.toJSONSchema(wanted).type === 'integer' ? '2' : '0.25';
}

/** An option with a value, after the values that others must have for it. */
function given(option: MergeOption): string {
  const others = Object.entries(option.meta.onlyWith ?? {}).map(([key, value]) => `${key}: ${value}, `);
  return `${others.join('')}${option.key}: ${sample(option)}`;
}

const offered = (surface: keyof typeof knownElsewhere): readonly MergeOption[] =>
  mergeOptionList.filter(({ key }) => !(knownElsewhere[surface] as readonly string[]).includes(key));

/** The method that an option is tried with. */
const ownerOf = ({ methods }: MergeOption): string => methods?.[0] ?? defaultMethod;

const program = new Command('regmean');
registerMergerCommands(program);
const commandAt = (...path: string[]): Command =>
  path.reduce((at, name) => at.commands.find((own) => own.name() === name) as Command, program);

const recipe = (merge: string): string => `name: reviews
base: base
task: text-classification
labels: [negative, positive]
agents: [north, south]
statistics: { fisher: {}, norms: true, outputGrams: {} }
merge: ${merge}
`;
const experiment = (method: string, more = ''): string => `name: north-south
title: North and south
data:
  task: text-classification
  domains:
    - { name: north, train: [n.jsonl], test: [nt.jsonl] }
    - { name: south, train: [s.jsonl], test: [st.jsonl] }
methods: [{ label: It, ${method} }]
${more}`;

it('the options that are relied on are there', () => {
  expect(mergeOptionList.map(({ key }) => key)).toEqual(expect.arrayContaining(published));
});

describe.each([
  ['merge', ['merge']],
  ['merger merge', ['merger', 'merge']],
] as const)('regmean %s', (surface, path) => {
  const command = commandAt(...path);

  it('has every method', () => {
    const method = command.options.find(({ long }) => long === '--method');
    expect(method?.argChoices).toEqual([...methodNames, 'auto']);
    let help = '';
    command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
    for (const { name } of [...mergeMethods, { name: 'auto' }])
      expect(help).toMatch(new RegExp(`^ {2}${name} `, 'm'));
  });

  it.each(offered(surface))('has a flag for $key, with its help', ({ key, meta, methods }) => {
    const flag = command.options.find(({ long }) => long === flagOf(key));
    expect(flag?.description).toContain(meta.help);
    expect(flag?.helpGroupHeading).toContain(methods === null ? 'Merging' : methods.join(' or '));
  });
});

describe('a recipe', () => {
  it.each(offered('recipe'))('has a key for $key', (option) => {
    const text = recipe(`{ method: ${ownerOf(option)}, ${given(option)} }`);
    expect(parseRecipe(text, 'round.yaml').merge).toHaveProperty(option.key);
  });

  it('holds the defaults of its method, and no option of another', () => {
    expect(parseRecipe(recipe('{ method: fisher }'), 'round.yaml').merge).toEqual({
      ...{ method: 'fisher', fisherNormalize: 'none', fisherSmoothing: 1e-10 },
      ...commonOptions.parse({}),
    });
  });

  it('may say the default of another method, as rounds that are stored do', () => {
    const { merge } = parseRecipe(recipe('{ method: fisher, gramScale: mean }'), 'round.yaml');
    expect(merge).not.toHaveProperty('gramScale');
  });
});

describe('an experiment file', () => {
  it.each(offered('experiment'))('has a key of its methods for $key', (option) => {
    const text = experiment(`method: ${ownerOf(option)}, ${given(option)}`);
    expect(parseExperiment(text, 'x.yaml').methods[0]).toHaveProperty(option.key);
  });

  it.each(numberOptions)('has a sweep of $key', ({ key, schema }) => {
    const value = Math.min(2, schema.maxValue ?? 2);
    const { sweeps } = parseExperiment(experiment('method: simple', `sweeps: { ${key}: [${value}] }\n`), 'x');
    expect(sweeps[key]).toEqual([value]);
  });

  it('wants a coefficient for every domain', () => {
    expect(() => parseExperiment(experiment('method: simple, coefficients: { north: 1 }'), 'x.yaml')).toThrow(
      'methods[0].coefficients: must hold a coefficient for every domain, south has none',
    );
  });
});

/** An open round of a recipe. */
const viewOf = (text: string): RoundView => ({
  round: {
    recipe: parseRecipe(text, 'round.yaml'),
    base: { fingerprint: '', files: [] },
    paths: { dir: '', recipe: '', record: '', base: '', incoming: '', contributions: '' } as never,
  },
  standing: { state: 'open' } as never,
  agents: [],
  fusedFiles: [],
  agentModels: [],
});

it.each(mergeOptionList.filter(({ methods }) => methods !== null))('a round is told with $key', (option) => {
  const text = recipe(`{ method: ${ownerOf(option)}, ${given(option)} }`);
  const { merge } = roundMessage(viewOf(text));
  const value = JSON.parse(merge?.options[option.key] ?? 'null');
  expect(String(value)).toBe(sample(option));
  // Fields of the wire that are older than `options` stay.
  expect(merge).toMatchObject({ method: ownerOf(option), coefficientScale: 'normalized', heads: 'united' });
  if (published.includes(option.key)) expect(merge).toHaveProperty(option.key, value);
});

it('a round is told with the scale of the change from the base, an older recipe with 1', () => {
  expect(roundMessage(viewOf(recipe('{ scale: 1.5 }'))).merge?.scale).toBe(1.5);
  expect(roundMessage(viewOf(recipe('{}'))).merge?.scale).toBe(1);
});

it('a round is told with the differences between agents that it allows', () => {
  const told = roundMessage(viewOf(recipe('{ allowDifferent: [hidden_act, tokenizer.normalizer] }')));
  expect(told.merge?.allowDifferent).toEqual(['hidden_act', 'tokenizer.normalizer']);
  expect(formatRound(told)).toContain('although agents may differ in hidden_act, tokenizer.normalizer');
  expect(formatRound(roundMessage(viewOf(recipe('{}'))))).not.toContain('differ');
});

/** Each option of a method, with a method that does not have it. */
const misplaced = mergeOptionList.flatMap((option) =>
  methodNames.flatMap((method) =>
    option.methods === null || option.methods.includes(method) ? [] : [{ option, key: option.key, method }],
  ),
);

describe.each(misplaced)('$key with $method', ({ option, key, method }) => {
  const owners = option.methods?.join(' or ');
  const value = sample(option);

  it('is refused on the command line', () => {
    expect(() => readMergeFlags({ method, [key]: value })).toThrow(
      `${flagOf(key)}: needs --method ${owners}, got --method ${method}`,
    );
  });

  it('is refused in a call', () => {
    expect(() => resolveMergeOptions({ method, out: 'out', [key]: value })).toThrow(
      `needs method ${owners}, got method ${method}`,
    );
  });

  it('is refused in a recipe and an experiment file', () => {
    const complaint = `${key}: needs method ${owners}, got method ${method}`;
    const pair = `method: ${method}, ${key}: ${value}`;
    expect(() => parseRecipe(recipe(`{ ${pair} }`), 'round.yaml')).toThrow(
      `round.yaml:7: merge.${complaint}`,
    );
    expect(() => parseExperiment(experiment(pair), 'x.yaml')).toThrow(`x.yaml:8: methods[0].${complaint}`);
  });
});
