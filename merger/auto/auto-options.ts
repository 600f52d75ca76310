/**
 * @file `--method auto`: not a method, but a choice of one. Several candidates are merged; agents'
 *   scores on their private data say which is taken.
 */
import { z } from '../../shared/zod.ts';
import { type ChoiceRule, choiceRules } from '../merge/merge-report.ts';
import { commonOptions } from '../methods/common-options.ts';
import {
  type ForeignOption,
  foreignOption,
  type GivenOptions,
  givenOptions,
  type MethodOptions,
  mergeOptionList,
  methodNameSchema,
  methodNames,
  refuseForeign,
} from '../methods/merge-keys.ts';
import { inWords } from '../methods/option.ts';
import type { MethodName } from '../methods/registry.ts';

/** How a choice among candidates is asked for, where a method is. */
export const autoMethod = 'auto';

/** What it does, as the methods say of themselves. */
export const autoDescription =
  'several candidates are merged, and the best by agents’ scores is taken; without scores the first that can be made';

/** What `--method` takes. */
export type MethodChoice = MethodName | typeof autoMethod;

/** All that `--method` takes, in the order that people are shown. */
export const methodChoices = [...methodNames, autoMethod] as const;

/** Which scores of several agents count where nobody says it. */
export const defaultRule: ChoiceRule = 'mean';

/** A candidate as it is given: a method, its own options, and the scale. */
export const givenCandidateSchema = z
  .strictObject({
    method: methodNameSchema,
    ...givenOptions.method,
    scale: givenOptions.common.scale,
  })
  .check(({ value, issues }) => {
    const foreign = foreignOption(value.method, value);
    if (foreign === undefined) return;
    issues.push({ code: 'custom', input: value, path: [foreign.key], message: foreign.complaint });
  });

/** A candidate as it is given. */
export type GivenCandidate = z.output<typeof givenCandidateSchema>;

/** The keys that only the automatic choice has, none with a default. */
export const givenAutoOptions = {
  /** Those to choose from, in the order that decides without scores; the usual ones when absent. */
  candidates: z.array(givenCandidateSchema).min(1).max(32).optional(),
  /** Which of several agents' scores count; their mean when absent. */
  choose: z.enum(choiceRules).optional(),
} as const;

/** Values of these keys. */
export interface GivenAutoOptions {
  readonly candidates?: readonly GivenCandidate[] | undefined;
  readonly choose?: ChoiceRule | undefined;
}

/** Options that all candidates share. */
export type SharedMergeOptions = Omit<GivenOptions, keyof MethodOptions | 'scale'>;

/** How the best of several candidates is merged. */
export interface AutoMergeOptions extends SharedMergeOptions, GivenAutoOptions {
  readonly method: typeof autoMethod;
}

/** Whether options ask for a choice among candidates. */
export function isAuto<Options extends { readonly method: MethodChoice }>(
  options: Options,
): options is Options & { readonly method: typeof autoMethod } {
  return options.method === autoMethod;
}

/** The keys of options that candidates have, each its own. */
export function isCandidateKey(key: string): boolean {
  const known = mergeOptionList.find((option) => option.key === key);
  return known !== undefined && (known.methods !== null || key === 'scale');
}

/**
 * The first option with a value that does not go with the chosen method, or with the automatic
 * choice: there every candidate has options of its own.
 *
 * @param spell how keys are called where they were given
 */
export function foreignOfChoice(
  method: MethodChoice,
  given: Readonly<Record<string, unknown>>,
  spell: (key: string) => string = (key) => key,
): ForeignOption | undefined {
  const hasValue = (key: string): boolean => given[key] !== undefined;
  if (method !== autoMethod) {
    const key = Object.keys(givenAutoOptions).find(hasValue);
    if (key === undefined) return foreignOption(method, given, spell);
    const name = spell('method');
    return {
      key,
      complaint: `needs ${name} ${autoMethod}, got ${name} ${method}`,
      hint: `leave ${spell(key)} out, or merge with ${name} ${autoMethod}`,
    };
  }
  const key = Object.keys(given).find((own) => hasValue(own) && isCandidateKey(own));
  if (key === undefined) return undefined;
  return {
    key,
    complaint: `must be given to a candidate, ${spell('method')} is ${autoMethod}`,
    hint: `leave ${spell(key)} out, or name the candidates with ${spell('candidates')}, each with its options`,
  };
}

/**
 * Checks that no option is given that does not go with the choice of a method.
 *
 * @param spell how keys are called where they were given
 * @throws RegmeanError `usage`, naming the option
 */
export function requireFitting(
  method: MethodChoice,
  given: Readonly<Record<string, unknown>>,
  spell: (key: string) => string = inWords,
): void {
  refuseForeign(foreignOfChoice(method, given, spell), spell);
}

/** The options that candidates share, of all that every method has. */
export const sharedOptions = commonOptions.omit({ scale: true });

/** Of values by key, those of options that all candidates share. */
export function sharedOf(given: Readonly<Record<string, unknown>>): SharedMergeOptions {
  const keys = Object.keys(sharedOptions.shape);
  return Object.fromEntries(Object.entries(given).filter(([key]) => keys.includes(key)));
}
