/** @file How a recipe says to merge. */
import { z } from '../../shared/zod.ts';
import { coefficientsByAgent, commonOptions } from '../methods/common-options.ts';
import {
  foreignOption,
  type GivenOptions,
  givenOptions,
  type MethodOptions,
  mergeOptionList,
  methodNamed,
  methodNameSchema,
  unmetCondition,
} from '../methods/merge-keys.ts';
import { defaultMethod, type MethodName } from '../methods/registry.ts';

/** The base is the round's. */
const { base: _, ...common } = givenOptions.common;

/**
 * A method and its options, beside those of every method. As it is read, it holds every default of
 * the chosen method.
 */
export const mergeSection = z
  .strictObject({
    method: methodNameSchema.default(defaultMethod),
    ...givenOptions.method,
    ...common,
    /** By agent: which of them contribute is not known yet. */
    coefficients: coefficientsByAgent.optional(),
  })
  .check(({ value, issues }) => {
    const foreign = foreignOption(value.method, withoutDefaults(value));
    if (foreign === undefined) return;
    issues.push({ code: 'custom', input: value, path: [foreign.key], message: foreign.complaint });
  })
  .transform(({ method, coefficients, ...given }) => {
    const { base: __, coefficients: ___, ...ofAll } = commonOptions.parse(given);
    const own: MethodOptions = methodNamed(method).options.parse(given);
    return { method, ...own, ...ofAll, ...(coefficients === undefined ? {} : { coefficients }) };
  });

/** A checked section. */
export type MergeSection = z.output<typeof mergeSection>;

/** A method and values of options, of which the others have their defaults. */
export type MergeChoice = Omit<GivenOptions, 'base'> & { readonly method: MethodName };

/**
 * A section with some values changed; with another method, its own options are those given. What
 * does not go with a changed value is left out.
 */
export function changedMerge(section: MergeSection, method: MethodName, given: GivenOptions): MergeChoice {
  if (method === section.method) {
    const changed = { ...section, ...given };
    const changedValue = (key: string): unknown => changed[key as keyof GivenOptions];
    const isLeftOut = (key: string): boolean =>
      !(key in given) &&
      mergeOptionList.some((own) => own.key === key && unmetCondition(own.meta, changedValue) !== undefined);
    return Object.fromEntries(Object.entries(changed).filter(([key]) => !isLeftOut(key))) as MergeChoice;
  }
  const isCommon = (key: string): boolean => key in commonOptions.shape;
  const kept = Object.fromEntries(Object.entries(section).filter(([key]) => isCommon(key)));
  return { ...kept, ...given, method };
}

/**
 * Rounds that an earlier version stored hold `gramScale: mean` whatever their method: an option at
 * its default is no contradiction in a recipe.
 */
function withoutDefaults(given: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const isDefault = (key: string, value: unknown): boolean =>
    mergeOptionList.some(
      (own) => own.key === key && own.schema instanceof z.ZodDefault && own.schema.def.defaultValue === value,
    );
  return Object.fromEntries(Object.entries(given).filter(([key, value]) => !isDefault(key, value)));
}
