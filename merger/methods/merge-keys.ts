/**
 * @file The options of all methods as keys: what stands in a recipe, an experiment file, a call or
 *   on a command line.
 */

import { RegmeanError } from '../../shared/errors.ts';
import { z } from '../../shared/zod.ts';
import { commonOptions } from './common-options.ts';
import type { MergeMethod } from './method.ts';
import type { Need } from './needs.ts';
import { type Bare, bare, inWords, metaOf, type OptionMeta } from './option.ts';
import { type MethodName, mergeMethods } from './registry.ts';

type Together<Union> = (Union extends unknown ? (own: Union) => void : never) extends (all: infer All) => void
  ? All
  : never;

/** The options of all methods, by key; those that several methods have are one option. */
type MethodShape = Together<(typeof mergeMethods)[number]['options']['shape']>;
type CommonShape = typeof commonOptions.shape;

/** Every option as one that may be left out and then has no value. */
type Given<Shape> = {
  [Key in keyof Shape]: Bare<Shape[Key]> extends infer Own extends z.ZodType ? z.ZodOptional<Own> : never;
};

const methodShape: MethodShape = Object.assign({}, ...mergeMethods.map(({ options }) => options.shape));

/** The keys of every method's own options, and of the common ones; none has a default. */
export const givenOptions = {
  common: given(commonOptions.shape),
  method: given(methodShape),
} as const;

/** Values of options as they are given, by key. */
export type GivenOptions = z.input<z.ZodObject<Given<CommonShape> & Given<MethodShape>>>;

/** Values of methods' own options as they are given. */
export type MethodOptions = z.input<z.ZodObject<Given<MethodShape>>>;

/** The key of an option that belongs to methods. */
export type MethodOptionKey = keyof MethodShape & string;

type NumberKey<Shape> = {
  [Key in keyof Shape]: Bare<Shape[Key]> extends z.ZodNumber ? Key : never;
}[keyof Shape];

/** The key of an option whose values are numbers: several can be tried, one after another. */
export type NumberOptionKey = NumberKey<MethodShape & CommonShape> & string;

/** Several values of options that are numbers. */
export type TriedValues = Readonly<Partial<Record<NumberOptionKey, readonly number[]>>>;

/** One option of merging. */
export interface MergeOption {
  readonly key: string;
  readonly schema: z.ZodType;
  readonly meta: OptionMeta;
  /** The methods that have it; null for the common ones. */
  readonly methods: readonly MethodName[] | null;
}

/** Every option there is: the methods' own in the order of the methods, then the common ones. */
export const mergeOptionList: readonly MergeOption[] = [
  ...(Object.entries(methodShape) as [string, z.ZodType][]).map(([key, schema]) => ({
    ...{ key, schema, meta: metaOf(schema) },
    methods: mergeMethods.flatMap(({ name, options }) => (key in options.shape ? [name] : [])),
  })),
  ...(Object.entries(commonOptions.shape) as [string, z.ZodType][]).map(([key, schema]) => ({
    ...{ key, schema, meta: metaOf(schema), methods: null },
  })),
];

/** The names of the methods, in the order that people are shown. */
export const methodNames = mergeMethods.map(({ name }) => name);

/** An option of which several values can be tried. */
export interface NumberOption {
  readonly key: NumberOptionKey;
  readonly schema: z.ZodNumber;
  readonly meta: OptionMeta;
  /** The methods that have it. */
  readonly methods: readonly MethodName[];
}

/** The options that are numbers. */
export const numberOptions: readonly NumberOption[] = mergeOptionList.flatMap(
  ({ key, schema, meta, methods }) => {
    const wanted: unknown = bare(schema);
    if (!(wanted instanceof z.ZodNumber)) return [];
    return [{ key: key as NumberOptionKey, schema: wanted, meta, methods: methods ?? methodNames }];
  },
);

/** A schema of the methods' names. */
export const methodNameSchema = z.enum(methodNames);

/** The method of a name. */
export function methodNamed(name: MethodName): MergeMethod<MethodName> {
  return mergeMethods.find((method) => method.name === name) as MergeMethod<MethodName>;
}

/** What a method with values of its options needs beside the weights. */
export function needsOf({
  method,
  ...given
}: MethodOptions & { readonly method: MethodName }): readonly Need[] {
  return methodNamed(method).prepare(given).needs;
}

/** An option that was given, but belongs to other methods, or to other values of an option. */
export interface ForeignOption {
  readonly key: string;
  /** What is wrong: `needs method regmean, got method simple`. */
  readonly complaint: string;
  readonly hint: string;
}

/**
 * The first option with a value that is not one of the chosen method's, or that means nothing with
 * the value of another option.
 *
 * @param spell how keys are called where they were given
 */
export function foreignOption(
  method: MethodName,
  given: Readonly<Record<string, unknown>>,
  spell: (key: string) => string = (key) => key,
): ForeignOption | undefined {
  const chosen = (key: string): unknown => given[key] ?? ownDefault(methodShape[key as MethodOptionKey]);
  for (const { key, methods, schema, meta } of mergeOptionList) {
    const value = given[key];
    if (value === undefined) continue;
    if (methods !== null && !methods.includes(method)) {
      const [name, owners] = [spell('method'), methods.join(' or ')];
      return {
        key,
        complaint: `needs ${name} ${owners}, got ${name} ${method}`,
        hint: `leave ${spell(key)} out, or merge with ${name} ${owners}`,
      };
    }
    if (value === ownDefault(schema)) continue;
    const [other, wanted] = unmetCondition(meta, chosen) ?? [];
    if (other === undefined) continue;
    const name = spell(other);
    return {
      key,
      complaint: `needs ${name} ${wanted}, got ${name} ${chosen(other)}`,
      hint: `leave ${spell(key)} out, or merge with ${name} ${wanted}`,
    };
  }
  return undefined;
}

/** The first other option, with the value that it must have, that has another one. */
export function unmetCondition(
  { onlyWith = {} }: OptionMeta,
  chosen: (key: string) => unknown,
): readonly [key: string, wanted: string] | undefined {
  return Object.entries(onlyWith).find(([key, wanted]) => chosen(key) !== wanted);
}

function ownDefault(schema: z.ZodType): unknown {
  return schema instanceof z.ZodDefault ? schema.def.defaultValue : undefined;
}

/**
 * Checks that no option of another method is given.
 *
 * @param spell how keys are called where they were given
 * @throws RegmeanError `usage`, naming the option, its method and the chosen one
 */
export function requireOwnOptions(
  method: MethodName,
  given: Readonly<Record<string, unknown>>,
  spell: (key: string) => string = inWords,
): void {
  refuseForeign(foreignOption(method, given, spell), spell);
}

/**
 * Refuses an option that does not go with the others.
 *
 * @param foreign absent where all go together
 * @throws RegmeanError `usage`, naming the option
 */
export function refuseForeign(
  foreign: ForeignOption | undefined,
  spell: (key: string) => string = inWords,
): void {
  if (foreign === undefined) return;
  const { key, complaint, hint } = foreign;
  throw new RegmeanError('usage', `${spell(key)}: ${complaint}`, { hint });
}

function given<Shape extends z.ZodRawShape>(shape: Shape): Given<Shape> {
  const optional: unknown = Object.fromEntries(
    (Object.entries(shape) as [string, z.ZodType][]).map(([key, schema]) => [
      key,
      (bare(schema) as z.ZodType).optional(),
    ]),
  );
  return optional as Given<Shape>;
}
