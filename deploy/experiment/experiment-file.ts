/**
 * @file The experiment file: what is compared with what, on which data. One YAML file is one
 *   experiment.
 */
import { dirname, resolve } from 'node:path';
import { foreignOfChoice, givenAutoOptions, methodChoices } from '../../merger/auto/auto-options.ts';
import { coefficientsByAgent, commonOptions } from '../../merger/methods/common-options.ts';
import { givenOptions, type NumberOptionKey, numberOptions } from '../../merger/methods/merge-keys.ts';
import { complaintsAboutRefinements, refinementOptions } from '../../merger/methods/refinement-options.ts';
import { fisherSchema, gramKeys, outputGramsSchema, trainingSchema } from '../../merger/recipe/recipe.ts';
import { complaintsAboutGrams } from '../../shared/contribution/gram-forms.ts';
import { columnNamesSchema } from '../../shared/data/column-names.ts';
import { parseYaml, readYamlText } from '../../shared/files/parse-yaml.ts';
import { plainNameSchema } from '../../shared/plain-name.ts';
import { languageTasks, taskKinds } from '../../shared/task.ts';
import { z } from '../../shared/zod.ts';
import { complaintsAboutAdapters } from './adapter-complaints.ts';
import { settings } from './results.ts';

const task = z.enum(taskKinds).exclude(languageTasks);
const files = z.array(z.string().min(1)).min(1);
const someFiles = z.array(z.string().min(1)).default([]);
const labels = z.array(z.string().min(1)).optional();
const columns = columnNamesSchema.shape;

const partition = z.strictObject({
  keyClass: z.string().min(1).optional(),
  share: z.number().gt(0).lt(1).default(0.8),
  size: z.int().min(1).default(1000),
});

const data = z.strictObject({
  /** A built-in data set; its texts are development dependencies. */
  corpus: z.string().min(1).optional(),
  /** Rows of every part; of files at most, drawn anew for every seed. */
  sizes: z.strictObject({ train: z.int().min(1), dev: z.int().min(1), test: z.int().min(1) }).optional(),
  /**
   * The task, classes and names of columns of files, where they do not say otherwise themselves.
   */
  task: task.optional(),
  labels,
  ...columns,
  /** What test sets of text-classification are judged by; accuracy when absent. */
  metric: z.literal('macroF1').optional(),
  domains: z
    .array(
      z.strictObject({
        name: plainNameSchema,
        task: task.optional(),
        labels,
        ...columns,
        train: files,
        dev: someFiles,
        test: files,
      }),
    )
    .optional(),
  outOfDomain: z
    .array(
      z.strictObject({
        name: plainNameSchema,
        task: task.optional(),
        labels,
        ...columns,
        dev: someFiles,
        test: files,
      }),
    )
    .default([]),
  /** Files of one classification task, which `partition` divides between two agents. */
  joint: z.strictObject({ train: files, dev: someFiles, test: files }).optional(),
  /** Two agents with different class frequencies (paper, Appendix B). */
  partition: partition.optional(),
});

const statistics = z
  .strictObject({
    ...gramKeys,
    batches: z.int().min(1).default(1000),
    batchSize: z.int().min(1).default(16),
    fisher: fisherSchema.prefault({}),
    outputGrams: outputGramsSchema.prefault({}),
  })
  .check(({ value, issues }) => {
    for (const [key, message] of Object.entries(complaintsAboutGrams(value))) {
      issues.push({ code: 'custom', input: value, path: [key], message });
    }
    if (value.grams === 'none') {
      issues.push({ code: 'custom', input: value, path: ['grams'], message: 'must be a form, got none' });
    }
  });

/** The base, and what becomes of heads, are the experiment's. */
const { base: _, heads: __, ...common } = givenOptions.common;

const method = z
  .strictObject({
    /** How tables call it. */
    label: z.string().min(1).max(60),
    method: z.enum(methodChoices),
    ...givenOptions.method,
    ...givenAutoOptions,
    ...common,
    ...refinementOptions,
    /** By agent: merges of pairs and of some agents take theirs. */
    coefficients: coefficientsByAgent.optional(),
  })
  .check(({ value, issues }) => {
    const complain = (key: string, message: string): void => {
      issues.push({ code: 'custom', input: value, path: [key], message });
    };
    const foreign = foreignOfChoice(value.method, value);
    if (foreign !== undefined) complain(foreign.key, foreign.complaint);
    for (const [key, complaint] of Object.entries(complaintsAboutRefinements(value))) {
      complain(key, complaint);
    }
  });

/** Values of options that are tried one by one, and of what the Grams are made from. */
const sweeps = z.strictObject({
  ...(Object.fromEntries(
    numberOptions.map(({ key, schema }) => [key, z.array(schema).default([])]),
  ) as Record<NumberOptionKey, z.ZodDefault<z.ZodArray<z.ZodNumber>>>),
  batches: z.array(z.int().min(1)).default([]),
});

/** The schema of an experiment file. Unknown keys are errors; every default is written out here. */
export const experimentSchema = z
  .strictObject({
    name: plainNameSchema,
    title: z.string().min(1),
    description: z.string().default(''),
    /** Model folder, relative to the file; the base model that comes with regmean when absent. */
    base: z.string().min(1).optional(),
    /** Each repeats everything: data split, head, training. */
    seeds: z.array(z.int().min(0).max(0xffffffff)).min(1).default([1]),
    data,
    training: trainingSchema.omit({ seed: true }).prefault({}),
    heads: z
      .strictObject({
        /** Whether the agents' new heads begin alike. */
        initialization: z.enum(['shared', 'different']).default('shared'),
        /** One head for all classes, or each agent's own beside one encoder. */
        merging: commonOptions.shape.heads,
      })
      .prefault({}),
    statistics: statistics.prefault({}),
    methods: z.array(method).min(1),
    settings: z.array(z.enum(settings)).default(['single', 'all']),
    sweeps: sweeps.prefault({}),
    /** Which validation scores the greedy choice is made by; out-of-domain where there are any. */
    greedy: z.strictObject({ by: z.enum(['in-domain', 'out-of-domain']).optional() }).prefault({}),
    matching: z
      .strictObject({
        agents: z.tuple([plainNameSchema, plainNameSchema]),
        by: z.array(z.enum(['weights', 'activations'])).default(['weights', 'activations']),
      })
      .optional(),
  })
  .check(({ value, issues }) => {
    const complain = (path: PropertyKey[], message: string): void => {
      issues.push({ code: 'custom', input: value, path, message });
    };
    const { data: source, methods } = value;
    const given = [source.corpus, source.domains, source.joint].filter((part) => part !== undefined).length;
    if (given !== 1) complain(['data'], `must have one of corpus, domains and joint, got ${given} of them`);
    if (source.joint !== undefined && source.sizes !== undefined) {
      complain(['data', 'sizes'], 'must be absent with joint files, whose partition has a size');
    }
    if (source.joint !== undefined && source.partition === undefined) {
      complain(['data', 'partition'], 'must say how joint files are divided');
    }
    if (source.domains !== undefined && source.partition !== undefined) {
      complain(['data', 'partition'], 'must be absent with domains, which are divided already');
    }
    if (source.joint !== undefined && source.task !== 'text-classification') {
      complain(['data', 'task'], 'must be text-classification, which a partition by class needs');
    }
    for (const [index, domain] of (source.domains ?? []).entries()) {
      if (domain.task === undefined && source.task === undefined) {
        complain(['data', 'domains', index, 'task'], 'must be given here or in data');
      }
    }
    const agents = source.domains?.map(({ name }) => name) ?? [];
    for (const [index, { coefficients }] of methods.entries()) {
      const absent = agents.find((name) => coefficients !== undefined && !(name in coefficients));
      if (absent === undefined) continue;
      complain(
        ['methods', index, 'coefficients'],
        `must hold a coefficient for every domain, ${absent} has none`,
      );
    }
    const twice = methods.find(({ label }, index) => methods.findIndex((m) => m.label === label) < index);
    if (twice !== undefined) complain(['methods'], `must differ, got ${twice.label} twice`);
    const again = methods.find(({ rounds, ridgeHead }) => rounds === 2 || ridgeHead !== undefined);
    if (value.matching !== undefined && again !== undefined) {
      complain(['matching'], `must be absent where agents are asked again, as ${again.label} does`);
    }
    for (const [index, { ridgeHead }] of methods.entries()) {
      if (ridgeHead === undefined || value.heads.merging !== 'separate') continue;
      complain(['methods', index, 'ridgeHead'], 'must be absent with separate heads');
    }
    if (value.training.lora !== undefined) {
      for (const { path, message } of complaintsAboutAdapters(value)) complain([...path], message);
    }
    if (value.heads.merging === 'separate' && value.settings.includes('multi-task')) {
      complain(['settings'], 'must not hold multi-task: agents with heads of their own have no common task');
    }
  });

/** A checked experiment. Paths of its files are absolute. */
export type Experiment = z.infer<typeof experimentSchema>;

/** A merge method of an experiment, or the choice among several. */
export type ExperimentMethod = Experiment['methods'][number];

/**
 * Reads and checks an experiment file; relative paths in it are relative to it.
 *
 * @throws RegmeanError that names the line, the key's path and what was expected there
 */
export async function readExperiment(path: string): Promise<Experiment> {
  const experiment = parseExperiment(await readYamlText(path, 'an experiment file'), path);
  const folder = dirname(path);
  const absolute = <T extends { readonly test: readonly string[]; readonly dev: readonly string[] }>(
    entry: T,
  ): T => ({
    ...entry,
    ...('train' in entry ? { train: (entry.train as string[]).map((file) => resolve(folder, file)) } : {}),
    dev: entry.dev.map((file) => resolve(folder, file)),
    test: entry.test.map((file) => resolve(folder, file)),
  });
  const { domains, outOfDomain, joint, ...rest } = experiment.data;
  return {
    ...experiment,
    ...(experiment.base === undefined ? {} : { base: resolve(folder, experiment.base) }),
    data: {
      ...rest,
      ...(domains === undefined ? {} : { domains: domains.map(absolute) }),
      outOfDomain: outOfDomain.map(absolute),
      ...(joint === undefined ? {} : { joint: absolute(joint) }),
    },
  };
}

/** Checks the text of an experiment file; `where` names it in messages. */
export function parseExperiment(text: string, where: string): Experiment {
  return parseYaml(text, where, experimentSchema);
}
