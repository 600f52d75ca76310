/**
 * @file What agents can be asked for again, about a merge of what they sent:
 *
 *   - `rounds: 2`, Grams of what layers read in the first merge, with which their weights are
 *     merged again (Nguyen et al.: "RegMean++: Enhancing Effectiveness and Generalization of
 *     Regression Mean for Model Merging", https://arxiv.org/abs/2508.03121);
 *   - `ridgeHead`, what their data say of the merged model's head, which is then fitted to the data
 *     of all (He et al.: "AFL: A Single-Round Analytic Approach for Federated Learning with
 *     Pre-trained Models", https://arxiv.org/abs/2405.16240).
 */
import { z } from '../../shared/zod.ts';
import { methodNamed, methodNames } from './merge-keys.ts';

/** The keys, beside those of a merge. */
export const refinementOptions = {
  /** How many merges there are, of which the second is with Grams collected in the first. */
  rounds: z.int().min(1).max(2).optional(),
  /** What is added to the diagonal of X^T X; absent: the head is merged. */
  ridgeHead: z.number().min(0).optional(),
} as const;

/** Their values. */
export interface RefinementOptions {
  readonly rounds?: number | undefined;
  readonly ridgeHead?: number | undefined;
}

/**
 * Why agents cannot be asked for what the options say, by key.
 *
 * @param given the method's name, which may also be the choice of one, and values of options
 */
export function complaintsAboutRefinements({
  rounds = 1,
  ridgeHead,
  method,
  heads,
  ...given
}: RefinementOptions & {
  readonly method: string;
  readonly heads?: string | undefined;
}): Readonly<Record<string, string>> {
  const name = methodNames.find((own) => own === method);
  const ofRounds = rounds === 1 ? undefined : whyNoGrams(name, method, given);
  const ofHead =
    ridgeHead === undefined
      ? undefined
      : name === undefined
        ? `must be absent with the method ${method}`
        : heads === 'separate'
          ? 'must be absent with separate heads'
          : undefined;
  return {
    ...(ofRounds === undefined ? {} : { rounds: ofRounds }),
    ...(ofHead === undefined ? {} : { ridgeHead: ofHead }),
  };
}

function whyNoGrams(
  name: (typeof methodNames)[number] | undefined,
  method: string,
  given: Readonly<Record<string, unknown>>,
): string | undefined {
  if (name === undefined) return `must be 1 with the method ${method}`;
  const { options, prepare } = methodNamed(name);
  // Options that are wrong are complained of by themselves.
  if (!options.safeParse(given).success || prepare(given).needs.includes('grams')) return undefined;
  return `must be 1, the ${name} method as it is chosen reads no Grams`;
}
