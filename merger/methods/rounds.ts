/**
 * @file How often agents are asked: once, or a second time for Grams of what layers read in the
 *   first merge, with which their weights are merged again (Nguyen et al.: "RegMean++: Enhancing
 *   Effectiveness and Generalization of Regression Mean for Model Merging",
 *   https://arxiv.org/abs/2508.03121).
 */
import { z } from '../../shared/zod.ts';
import { methodNamed, methodNames } from './merge-keys.ts';

/** How many merges there are, of which the second is with Grams collected in the first. */
export const roundsSchema = z.int().min(1).max(2);

/**
 * Why agents cannot be asked a second time; undefined where they can.
 *
 * @param given the method's name, which may also be the choice of one, and values of options
 */
export function complaintAboutRounds({
  rounds = 1,
  method,
  ...given
}: {
  readonly rounds?: number | undefined;
  readonly method: string;
}): string | undefined {
  if (rounds === 1) return undefined;
  const name = methodNames.find((own) => own === method);
  if (name === undefined) return `must be 1 with the method ${method}`;
  const { options, prepare } = methodNamed(name);
  // Options that are wrong are complained of by themselves.
  if (!options.safeParse(given).success || prepare(given).needs.includes('grams')) return undefined;
  return `must be 1, the ${method} method as it is chosen reads no Grams`;
}
