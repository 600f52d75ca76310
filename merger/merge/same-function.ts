/** @file Contributions whose equal weights would mean different things are not merged unasked. */
import { RegmeanError } from '../../shared/errors.ts';
import { type FunctionDifference, functionDifferences } from '../../shared/formats/function-differences.ts';
import type { HeadMerging } from '../methods/common-options.ts';
import type { ComparedModel } from './networks.ts';

/** A field in which contributions differ although they are merged, because that was asked for. */
export interface AllowedDifference {
  /** A field of config.json, or a part of the tokenizer. */
  readonly field: string;
  /** What each agent has that differs from the first, and what the first has, in words. */
  readonly values: Readonly<Record<string, string>>;
}

/**
 * Checks that equal weights of all contributions mean the same: fields of config.json that change
 * the function, and the tokenizer.
 *
 * @param allowed fields that may differ
 * @returns those of them that do
 * @throws RegmeanError `invalid-input` with what each of two agents has
 */
export async function requireSameFunction(
  [first, ...others]: readonly ComparedModel[],
  heads: HeadMerging,
  allowed: readonly string[],
): Promise<readonly AllowedDifference[]> {
  const found = new Map<string, Record<string, string>>();
  for (const other of first === undefined ? [] : others) {
    const { agent, model } = first as ComparedModel;
    const differences = await functionDifferences(model, other.model, heads);
    const refused = differences.filter(({ field }) => !allowed.includes(field));
    if (refused.length > 0) throw otherFunction(agent, other.agent, refused);
    for (const own of differences) {
      found.set(own.field, {
        [agent]: own.first,
        ...found.get(own.field),
        [other.agent]: own.other,
      });
    }
  }
  return [...found].map(([field, values]) => ({ field, values }));
}

function otherFunction(
  first: string,
  other: string,
  differences: readonly FunctionDifference[],
): RegmeanError {
  const sides = differences.map(
    (own) => `${own.field}: ${first} has ${own.first}, ${other} has ${own.other}`,
  );
  const flags = differences.map(({ field }) => `--allow-different ${field}`).join(' ');
  return new RegmeanError(
    'invalid-input',
    `${first} and ${other}: equal weights must mean the same in both, they differ in ${sides.join('; ')}`,
    { hint: `fine-tune from one base; ${flags} merges them all the same` },
  );
}
