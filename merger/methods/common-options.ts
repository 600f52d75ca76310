/** @file The options that every merge method has. */
import { z } from '../../shared/zod.ts';
import { option } from './option.ts';

/** A regular expression, searched anywhere in a parameter's name. */
export const patternSchema = z.string().refine(isRegularExpression, 'must be a regular expression');

const patterns = z.array(patternSchema).readonly().default([]);
const coefficient = z.number('must be positive numbers').positive('must be positive numbers');

/** Weights of the contributions by the agents' names. */
export const coefficientsByAgent = z.record(z.string(), coefficient);

/** The same, or in the order of the contributions. */
const coefficients = z.union(
  [z.array(coefficient).readonly(), coefficientsByAgent],
  'must be positive numbers',
);

/** What they are, in the order of `--help`. */
export const commonOptions = z.object({
  coefficients: option(coefficients.optional(), {
    help: 'weight of each contribution, in their order or by agent, as 0.3,0.7 or north=0.3,south=0.7',
    value: 'list',
    default: 'all equal',
    fromText: readCoefficients,
  }),
  coefficientScale: option(z.enum(['normalized', 'as-given']).default('normalized'), {
    help: 'as-given: not divided by their sum, as in the published code; averages then grow with it',
    value: 'scale',
  }),
  scale: option(z.number().min(0).default(1), {
    help: 'the merged change from the base is multiplied by it; parameters that the base lacks are not',
    label: 'scale of the change from the base',
    sweep: {
      title: 'Scale',
      axis: 'factor on the merged change from the base',
      note: 'All agents merged, and the change of every parameter from the base multiplied by a factor.',
    },
  }),
  heads: option(z.enum(['united', 'separate']).default('united'), {
    help: 'one head for all classes, united by name, or each agent’s own beside the encoder',
    value: 'way',
  }),
  average: option(patterns, {
    help: 'parameters that are averaged whatever the method',
    value: 'regex',
  }),
  include: option(patterns, {
    help: 'only these parameters are merged, the others keep the values of the base',
    value: 'regex',
  }),
  exclude: option(patterns, {
    help: 'parameters that keep the values of the base; searched anywhere in the name',
    value: 'regex',
  }),
  allowDifferent: option(z.array(z.string().min(1)).readonly().default([]), {
    help: 'merge although contributions differ in this field of config.json, or part of the tokenizer',
    value: 'field',
  }),
  rank: option(z.int().min(1).optional(), {
    help: 'rank of the merged adapter, where LoRA adapters are merged; a lower one holds the largest part of the change',
    label: 'rank of the merged adapter',
    default: 'the sum of theirs, which holds all of it',
  }),
  base: option(z.string().min(1).optional(), {
    help: 'base model folder, for --scale, --include, --exclude, LoRA adapters, and methods that need it',
    value: 'dir',
  }),
});

/** Their values, defaults filled in. */
export type CommonOptions = z.output<typeof commonOptions>;

/** What becomes of task heads. */
export type HeadMerging = CommonOptions['heads'];

/** Coefficients in one of their two forms. */
export type Coefficients = z.output<typeof coefficients>;

/** `0.3,0.7`, or `north=0.3,south=0.7`. */
function readCoefficients(text: string): unknown {
  const entries = text.split(',').map((entry) => entry.split('='));
  const number = (value = ''): number => (value.trim() === '' ? Number.NaN : Number(value));
  if (entries.every(({ length }) => length === 1)) return entries.map(([value]) => number(value));
  return Object.fromEntries(entries.map(([agent = '', value]) => [agent.trim(), number(value)]));
}

function isRegularExpression(text: string): boolean {
  try {
    new RegExp(text);
    return true;
  } catch {
    return false;
  }
}
