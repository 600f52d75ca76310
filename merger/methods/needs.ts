/** @file What a method needs beside the weights, checked before it begins. */

import { fisherFile } from '../../shared/contribution/fisher.ts';
import type { Contribution } from '../../shared/contribution/open-contribution.ts';
import { outputGramsFile } from '../../shared/contribution/output-grams.ts';
import { gramsFile } from '../../shared/contribution/write-grams.ts';
import { normsFile } from '../../shared/contribution/write-norms.ts';
import { RegmeanError } from '../../shared/errors.ts';
import type { MergeInputs } from './merge-step.ts';

/**
 * What contributions, or the merge, must have for a method. `layers`: which layers are linear, of a
 * model family that is known.
 */
export type Need = 'grams' | 'fisher' | 'norms' | 'outputGrams' | 'base' | 'layers';

/** The statistics that a contribution may hold: how they are called, and how they are made. */
const statistics = {
  grams: { called: 'Grams', file: gramsFile, remedy: 'make them with `regmean stats`' },
  fisher: {
    called: 'Fisher information',
    file: fisherFile,
    remedy: 'make it with `regmean stats --fisher empirical`',
  },
  norms: {
    called: 'sums of normalisation layers',
    file: normsFile,
    remedy: 'make them with `regmean stats --norms`',
  },
  outputGrams: {
    called: 'output Grams',
    file: outputGramsFile,
    remedy: 'make them with `regmean stats --output-grams empirical`',
  },
} as const;

/** A need that only statistics of agents' data meet. */
export type StatisticsNeed = keyof typeof statistics;

/** All of these, in the order in which they are told of. */
export const statisticsNeeds = Object.keys(statistics) as readonly StatisticsNeed[];

/** The needs among some that only statistics of data meet, and how these are called. */
export function statisticsAmong(
  needs: readonly Need[],
): readonly { readonly need: StatisticsNeed; readonly called: string }[] {
  return needs.flatMap((need) =>
    need in statistics
      ? [{ need: need as StatisticsNeed, called: statistics[need as StatisticsNeed].called }]
      : [],
  );
}

/**
 * Checks that all contributions have the statistics that a method needs, and that there is a base
 * if it needs one.
 *
 * @throws RegmeanError `invalid-input` naming the agent and the file; `usage` without a base
 */
export function requireNeeds(
  method: string,
  needs: readonly Need[],
  { contributions, base, layers }: Pick<MergeInputs, 'contributions' | 'base' | 'layers'>,
): void {
  for (const need of needs) {
    if (need === 'base') {
      if (base === undefined) throw needsBase(`method: ${method}`);
    } else if (need === 'layers') {
      if (layers === null) throw needsLayers(method, contributions[0]);
    } else requireStatistics(method, need, contributions);
  }
}

/** There is no base, and `what` cannot do without. */
export function needsBase(what: string): RegmeanError {
  return new RegmeanError('usage', `${what} needs the base model, none is given`, {
    hint: 'give the base model folder with --base',
  });
}

function needsLayers(method: string, contribution: Contribution | undefined): RegmeanError {
  const family = contribution?.config.model_type ?? 'of config.json';
  return new RegmeanError(
    'unsupported',
    `method: ${method} needs to know which layers are linear, the model family ${family} is not known`,
    { hint: 'collect Grams with `regmean stats`, or merge with `--method simple`' },
  );
}

function requireStatistics(
  method: string,
  need: StatisticsNeed,
  contributions: readonly Contribution[],
): void {
  const { called, file, remedy } = statistics[need];
  for (const contribution of contributions) {
    if (contribution[need] !== undefined) continue;
    throw new RegmeanError(
      'invalid-input',
      `${contribution.agent}: ${method} needs ${called}, ${contribution.folder} has no ${file}`,
      { hint: `${remedy}, or merge with \`--method simple\`` },
    );
  }
}
