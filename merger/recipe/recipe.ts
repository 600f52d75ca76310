/** @file The recipe of a round: what the central developer decides before the agents begin. */

import { fisherDefaults, fisherReductions, fisherVariants } from '../../shared/contribution/fisher.ts';
import { complaintsAboutGrams, gramChoices, gramForms } from '../../shared/contribution/gram-forms.ts';
import { outputGramsDefaults } from '../../shared/contribution/output-grams.ts';
import { columnsForTask } from '../../shared/data/choose-columns.ts';
import { columnKeys, columnNamesSchema } from '../../shared/data/column-names.ts';
import { plainNameSchema } from '../../shared/plain-name.ts';
import { isLanguageTask, taskKinds } from '../../shared/task.ts';
import { z } from '../../shared/zod.ts';
import { autoMethod, isAuto } from '../auto/auto-options.ts';
import { patternSchema } from '../methods/common-options.ts';
import { type MethodOptions, methodNamed } from '../methods/merge-keys.ts';
import { statisticsAmong } from '../methods/needs.ts';
import type { RefinementOptions } from '../methods/refinement-options.ts';
import type { MethodName } from '../methods/registry.ts';
import { type MergeChoice, type MergeSection, mergeSection } from './merge-section.ts';

const seed = z.int().min(0).max(0xffffffff);

/** A year. */
const maxWaitingMinutes = 366 * 24 * 60;
const defaultScoringMinutes = 60;
const defaultRefiningMinutes = 6 * 60;

const waiting = z.strictObject({ minutes: z.number().positive().max(maxWaitingMinutes).optional() });

/** How agents fine-tune; what is absent is the default of `regmean train`. */
export const trainingSchema = z.strictObject({
  epochs: z.int().min(1).optional(),
  batchSize: z.int().min(1).optional(),
  learningRate: z.number().positive().optional(),
  warmupRatio: z.number().min(0).max(1).optional(),
  weightDecay: z.number().min(0).optional(),
  maxLength: z.int().min(2).optional(),
  seed: seed.optional(),
  freeze: z.array(patternSchema).default([]),
  /** Agents train updates of low rank and the head alone, and contribute adapters. */
  lora: z
    .strictObject({
      rank: z.int().min(1).max(4096),
      alpha: z.number().positive().optional(),
      targets: z.array(z.string().min(1)).min(1).optional(),
    })
    .optional(),
});

/** Fisher information that is collected; see the agent's `stats --fisher`. */
export const fisherSchema = z.strictObject({
  variant: z.enum(fisherVariants).default('empirical'),
  examples: z.int().min(1).default(fisherDefaults.examples),
  reduction: z.enum(fisherReductions).default(fisherDefaults.reduction),
});

/** Output Grams that are collected; see the agent's `stats --output-grams`. */
export const outputGramsSchema = z.strictObject({
  variant: z.enum(fisherVariants).default('empirical'),
  examples: z.int().min(1).default(outputGramsDefaults.examples),
});

/**
 * What is written of Grams; see the agent's `stats --grams`, `--rank` and `--token-grams`. True
 * stands for dense ones, false for none.
 */
export const gramKeys = {
  grams: z
    .preprocess((given) => (given === true ? 'dense' : given === false ? 'none' : given), z.enum(gramChoices))
    .default('dense'),
  rank: z.int().min(1).max(4096).optional(),
  tokenGrams: z.enum(gramForms).optional(),
};

const statistics = z.strictObject({
  ...gramKeys,
  batches: z.int().min(1).optional(),
  /** Sums of normalisation layers; see the agent's `stats --norms`. */
  norms: z.boolean().default(false),
  fisher: fisherSchema.optional(),
  outputGrams: outputGramsSchema.optional(),
});

/** The schema of a recipe file. Unknown keys are errors; every default is written out here. */
export const recipeSchema = z
  .strictObject({
    name: plainNameSchema,
    base: z.string().min(1),
    task: z.enum(taskKinds).exclude(['masked-lm']),
    labels: z.array(z.string().min(1)).default([]),
    agents: z.array(plainNameSchema).min(1),
    quorum: z.int().min(1).optional(),
    deadline: z.iso.datetime({ offset: true }).optional(),
    headSeed: seed.default(0),
    /** What the agents' columns are called, where they do not say it themselves. */
    data: z.strictObject(columnNamesSchema.shape).prefault({}),
    training: trainingSchema.prefault({}),
    statistics: statistics.prefault({}),
    merge: mergeSection.prefault({}),
    /** How long agents' scores of candidates are awaited, where the merge is chosen by them. */
    scoring: waiting.optional(),
    /** How long agents are awaited that are asked again, where the recipe does so. */
    refining: waiting.optional(),
  })
  .check((context) => {
    const { value, issues } = context;
    const complain = (path: PropertyKey[], message: string): void => {
      issues.push({ code: 'custom', input: value, path, message });
    };
    const labelsWanted = value.task !== 'regression' && !isLanguageTask(value.task);
    if (labelsWanted && value.labels.length < 2 && value.task !== 'multi-label-classification') {
      complain(['labels'], `must be at least 2 for ${value.task}, got ${value.labels.length}`);
    }
    if (value.task === 'multi-label-classification' && value.labels.length < 1) {
      complain(['labels'], `must be at least 1 for ${value.task}, got 0`);
    }
    if (!labelsWanted && value.labels.length > 0) complain(['labels'], `must be absent for ${value.task}`);
    for (const key of columnKeys) {
      if (value.data[key] !== undefined && columnsForTask(value.data, value.task)[key] === undefined) {
        complain(['data', key], `must be absent for ${value.task}`);
      }
    }
    for (const [key, complaint] of Object.entries(complaintsAboutGrams(value.statistics))) {
      complain(['statistics', key], complaint);
    }
    const labelTwice = firstRepeated(value.labels);
    if (labelTwice !== undefined) complain(['labels'], `must differ, got ${labelTwice} twice`);
    const agentTwice = firstRepeated(value.agents.map((name) => name.toLowerCase()));
    if (agentTwice !== undefined) {
      complain(['agents'], `must differ in more than case, got ${agentTwice} twice`);
    }
    if (value.quorum !== undefined && value.quorum > value.agents.length) {
      complain(
        ['quorum'],
        `must be at most ${value.agents.length}, the number of agents, got ${value.quorum}`,
      );
    }
    for (const { path, ...own } of askedMethods(value.merge)) {
      const { options, prepare } = methodNamed(own.method);
      // Options that are wrong were complained of.
      const needs = options.safeParse(own).success ? prepare(own).needs : [];
      const who = [...path, `the ${own.method} method`].join(': ');
      const [lacking] = statisticsAmong(needs);
      if (value.training.lora !== undefined) {
        if (lacking === undefined) continue;
        complain(
          ['merge'],
          `must need no data where agents train adapters (training.lora), ${who} needs ${lacking.called}`,
        );
        continue;
      }
      for (const { need, called } of statisticsAmong(needs)) {
        const wanted = value.statistics[need];
        if (wanted === false) complain(['statistics', need], `must be true, ${who} needs ${called}`);
        else if (wanted === 'none') {
          complain(['statistics', need], `must not be none, ${who} needs ${called}`);
        } else if (wanted === undefined) {
          complain(['statistics', need], `must have a variant, ${who} needs ${called}`);
        }
      }
    }
    if (value.training.lora !== undefined && value.merge.heads === 'separate') {
      complain(
        ['merge', 'heads'],
        'must be united where agents train adapters (training.lora), got separate',
      );
    }
    if (!isAuto(value.merge) && value.merge.ridgeHead !== undefined) {
      if (isLanguageTask(value.task)) complain(['merge', 'ridgeHead'], `must be absent for ${value.task}`);
      if (value.training.lora !== undefined) {
        complain(['merge', 'ridgeHead'], 'must be absent where agents train adapters (training.lora)');
      }
    }
    const { coefficients } = value.merge;
    if (coefficients !== undefined) {
      for (const name of value.agents.filter((agent) => !(agent in coefficients))) {
        complain(['merge', 'coefficients'], `must hold a coefficient for every agent, ${name} has none`);
      }
      for (const name of Object.keys(coefficients).filter((key) => !value.agents.includes(key))) {
        complain(['merge', 'coefficients', name], 'must be the name of an agent of this round');
      }
    }
  });

/**
 * The methods that a recipe asks for. Of the usual candidates of a choice, those are made that can
 * be.
 */
function askedMethods(
  merge: MergeSection,
): readonly (MethodOptions & { readonly method: MethodName; readonly path: readonly string[] })[] {
  if (merge.method !== autoMethod) return [{ ...merge, path: [] }];
  return (merge.candidates ?? []).map((own, index) => ({ ...own, path: [`candidate ${index + 1}`] }));
}

/** A checked recipe. `base` is an absolute path; `deadline` an ISO 8601 time. */
export type Recipe = z.infer<typeof recipeSchema>;

/** How many contributions are enough once the deadline has passed. */
export function quorumOf(recipe: Recipe): number {
  return recipe.quorum ?? recipe.agents.length;
}

/** How long agents' scores of candidates are awaited, in milliseconds. */
export function scoringTimeOf({ scoring }: Recipe): number {
  return (scoring?.minutes ?? defaultScoringMinutes) * 60_000;
}

/** What agents can be asked for about a merge of what they sent. */
export const refinements = ['grams', 'head'] as const;

/** One of `refinements`. */
export type Refinement = (typeof refinements)[number];

/** What a recipe asks agents for again, in this order, each about a merge with those before. */
export function refinementsOf({
  merge,
}: {
  readonly merge: MergeSection | MergeChoice;
}): readonly Refinement[] {
  const { rounds, ridgeHead }: RefinementOptions = isAuto(merge) ? {} : merge;
  return [
    ...(rounds === 2 ? (['grams'] as const) : []),
    ...(ridgeHead === undefined ? [] : (['head'] as const)),
  ];
}

/** How long agents are awaited that are asked again, in milliseconds. */
export function refiningTimeOf({ refining }: Recipe): number {
  return (refining?.minutes ?? defaultRefiningMinutes) * 60_000;
}

/** The deadline in milliseconds since 1970, or undefined when the round waits for every agent. */
export function deadlineOf(recipe: Recipe): number | undefined {
  return recipe.deadline === undefined ? undefined : Date.parse(recipe.deadline);
}

function firstRepeated(names: readonly string[]): string | undefined {
  return names.find((name, index) => names.indexOf(name) !== index);
}
