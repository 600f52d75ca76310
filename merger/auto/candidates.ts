/** @file The merges that one is chosen from. */
import { RegmeanError } from '../../shared/errors.ts';
import { type ResolvedMergeOptions, resolveMergeOptions } from '../merge/merge-options.ts';
import { methodNamed } from '../methods/merge-keys.ts';
import { inWords } from '../methods/option.ts';
import { type GivenCandidate, givenCandidateSchema, type SharedMergeOptions } from './auto-options.ts';

/** A merge that may be chosen. */
export interface MergeCandidate {
  /** Names its folder: the method and the values that are given, `regmean-alpha-0.5`. */
  readonly name: string;
  /** The same in words: `RegMean, alpha 0.5`. */
  readonly title: string;
  /** Everything that it is merged with. */
  readonly options: ResolvedMergeOptions;
}

/**
 * The usual candidates. Their order decides without scores, and between equals: by what was best on
 * real bases and corpora, those first that need nothing of anybody's data.
 */
export const defaultCandidates: readonly GivenCandidate[] = [
  { method: 'regmean', covariance: 'weights' },
  { method: 'regmean', covariance: 'weights', vectors: 'squared-change' },
  { method: 'regmean', covariance: 'weights', vectors: 'squared-change', scale: 1.25 },
  { method: 'regmean' },
  { method: 'regmean', scale: 1.5 },
  { method: 'ties' },
  { method: 'simple' },
];

/**
 * Names candidates and fills in their defaults.
 *
 * @param shared options that all of them have
 * @throws RegmeanError `usage`, naming the candidate and the option, or two that are the same merge
 */
export function candidatesOf(
  given: readonly GivenCandidate[],
  shared: SharedMergeOptions,
): readonly MergeCandidate[] {
  const candidates = given.map((own, index) => candidateOf(own, index, shared));
  const known = new Map<string, MergeCandidate>();
  for (const candidate of candidates) {
    const merge = JSON.stringify(describeMerge(candidate));
    const equal = known.get(merge);
    if (equal !== undefined) {
      throw new RegmeanError(
        'usage',
        `candidates: must differ, ${equal.name} and ${candidate.name} are the same merge`,
      );
    }
    known.set(merge, candidate);
  }
  return candidates;
}

/** What a candidate merges with, beside what all share: defaults filled in. */
export function describeMerge({ options: { method, prepared, scale } }: MergeCandidate): {
  readonly method: string;
  readonly options: Record<string, unknown>;
  readonly scale: number;
} {
  return { method: method.name, options: { ...prepared.settings }, scale };
}

function candidateOf(given: GivenCandidate, index: number, shared: SharedMergeOptions): MergeCandidate {
  const checked = givenCandidateSchema.safeParse(given);
  const issue = checked.error?.issues[0];
  if (issue !== undefined) {
    throw new RegmeanError(
      'usage',
      `candidates: ${['', ...issue.path].join('.').slice(1)}: ${issue.message}`,
    );
  }
  const { method: name, ...values } = given;
  const method = methodNamed(name);
  const keys = [...Object.keys(method.options.shape), 'scale'];
  const named = keys.flatMap((key): [string, string][] => {
    const value = values[key as keyof typeof values];
    return value === undefined ? [] : [[inWords(key), String(value)]];
  });
  return {
    name: folderName([name, ...named.flat()].join('-'), index),
    title: [method.title, ...named.map((pair) => pair.join(' '))].join(', '),
    options: resolveMergeOptions({ ...shared, ...given, out: '' }),
  };
}

/** A plain name; of one that is too long the beginning, and the place in the list. */
function folderName(words: string, index: number): string {
  const plain = words.replace(/[^A-Za-z0-9._-]/g, '-');
  return plain.length <= 64 ? plain : `${plain.slice(0, 60)}-${index + 1}`;
}
