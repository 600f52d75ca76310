/** @file How a recipe says to merge. */
import { z } from '../../shared/zod.ts';
import {
  type AutoMergeOptions,
  autoMethod,
  defaultRule,
  foreignOfChoice,
  type GivenAutoOptions,
  givenAutoOptions,
  type MethodChoice,
  methodChoices,
  sharedOptions,
} from '../auto/auto-options.ts';
import { coefficientsByAgent, commonOptions } from '../methods/common-options.ts';
import {
  type GivenOptions,
  givenOptions,
  type MethodOptions,
  mergeOptionList,
  methodNamed,
  unmetCondition,
} from '../methods/merge-keys.ts';
import {
  complaintsAboutRefinements,
  type RefinementOptions,
  refinementOptions,
} from '../methods/refinement-options.ts';
import { defaultMethod, type MethodName } from '../methods/registry.ts';

/** The base is the round's. */
const { base: _, ...common } = givenOptions.common;

/**
 * A method and its options, beside those of every method; or the choice among several. As it is
 * read, it holds every default of the chosen method.
 */
export const mergeSection = z
  .strictObject({
    method: z.enum(methodChoices).default(defaultMethod),
    ...givenOptions.method,
    ...givenAutoOptions,
    ...common,
    ...refinementOptions,
    /** By agent: which of them contribute is not known yet. */
    coefficients: coefficientsByAgent.optional(),
  })
  .check(({ value, issues }) => {
    const complain = (key: string, message: string): void => {
      issues.push({ code: 'custom', input: value, path: [key], message });
    };
    const foreign = foreignOfChoice(value.method, withoutDefaults(value));
    if (foreign !== undefined) complain(foreign.key, foreign.complaint);
    for (const [key, complaint] of Object.entries(complaintsAboutRefinements(value))) {
      complain(key, complaint);
    }
  })
  .transform(({ method, coefficients, candidates, choose = defaultRule, rounds, ridgeHead, ...given }) => {
    const { base: __, coefficients: ___, ...ofAll } = commonOptions.parse(given);
    const byAgent = coefficients === undefined ? {} : { coefficients };
    if (method === autoMethod) {
      const { scale: ____, ...shared } = ofAll;
      return { method, ...(candidates === undefined ? {} : { candidates }), choose, ...shared, ...byAgent };
    }
    const refinements: RefinementOptions = {
      ...(rounds === 2 ? { rounds } : {}),
      ...(ridgeHead === undefined ? {} : { ridgeHead }),
    };
    const own: MethodOptions = methodNamed(method).options.parse(given);
    return { method, ...own, ...ofAll, ...byAgent, ...refinements };
  });

/** A checked section. */
export type MergeSection = z.output<typeof mergeSection>;

/** A method and values of options, of which the others have their defaults. */
export type MergeChoice =
  | (Omit<GivenOptions, 'base'> & RefinementOptions & { readonly method: MethodName })
  | Omit<AutoMergeOptions, 'base'>;

/**
 * A section with some values changed; with another method, its own options are those given. What
 * does not go with a changed value is left out.
 */
export function changedMerge(
  section: MergeSection,
  method: MethodChoice,
  given: GivenOptions & GivenAutoOptions,
): MergeChoice {
  if (method === section.method) {
    const changed: Readonly<Record<string, unknown>> = { ...section, ...given };
    const isLeftOut = (key: string): boolean =>
      !(key in given) &&
      mergeOptionList.some(
        (own) => own.key === key && unmetCondition(own.meta, (other) => changed[other]) !== undefined,
      );
    return Object.fromEntries(Object.entries(changed).filter(([key]) => !isLeftOut(key))) as MergeChoice;
  }
  const keptOptions: z.ZodRawShape = method === autoMethod ? sharedOptions.shape : commonOptions.shape;
  const kept = Object.fromEntries(Object.entries(section).filter(([key]) => key in keptOptions));
  return { ...kept, ...given, method } as MergeChoice;
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
