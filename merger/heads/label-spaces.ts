/**
 * @file The classes of contributions' heads: which there are in all, and which agents know each.
 */
import type { Contribution } from '../../shared/contribution/open-contribution.ts';
import { RegmeanError } from '../../shared/errors.ts';

/** Label spaces united by name. */
export interface UnitedLabels {
  /** The classes of the first contribution, then new ones in the order of the others. */
  readonly names: readonly string[];
  /**
   * For every class: its row in each contribution's head; null where that agent has no say in it.
   */
  readonly rows: readonly (readonly (number | null)[])[];
}

/**
 * Class names in the order of a contribution's head, none for regression; undefined when they are
 * not known.
 */
export function headClasses({ manifest, labels, config }: Contribution): readonly string[] | undefined {
  if (isRegression({ manifest, config })) return [];
  return manifest?.labels ?? labels;
}

/** Whether a contribution's one output is a value and no class, whatever it is called. */
function isRegression({ manifest, config }: Pick<Contribution, 'manifest' | 'config'>): boolean {
  return manifest === undefined ? config.problem_type === 'regression' : manifest.task === 'regression';
}

/**
 * Unites the label spaces of contributions with one task. An agent has a say in every class of its
 * head; in multi-label classification, where each class is a classifier of its own, only in classes
 * that it learned (paper, Appendix B).
 *
 * @returns null when all heads have the same classes in the same order and every agent has a say in
 *   all of them
 * @throws RegmeanError `invalid-input` for a class that nobody learned
 */
export function uniteLabels(contributions: readonly Contribution[]): UnitedLabels | null {
  const spaces = contributions.map(headClasses);
  if (spaces.some((labels) => labels === undefined)) return null;
  const known = spaces as readonly (readonly string[])[];
  const names = [...new Set(known.flat())];
  const rows = names.map((name) =>
    contributions.map((contribution, index) => {
      const row = known[index]?.indexOf(name) ?? -1;
      return row < 0 || !hasLearned(contribution, name) ? null : row;
    }),
  );
  const unlearned = names.find((_, id) => rows[id]?.every((row) => row === null));
  if (unlearned !== undefined) {
    throw new RegmeanError('invalid-input', `class ${unlearned}: must be learned by an agent, none did`, {
      hint: 'leave it out of the labels, or give an agent examples of it',
    });
  }
  const alike = rows.every((row, id) => row.every((own) => own === id));
  return alike ? null : { names, rows };
}

function hasLearned({ manifest }: Contribution, name: string): boolean {
  if (manifest?.task !== 'multi-label-classification') return true;
  return manifest.seenLabels?.includes(name) ?? true;
}
