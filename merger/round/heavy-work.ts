/** @file What a round has done elsewhere, and when which of its merges is due. */
import { isAuto } from '../auto/auto-options.ts';
import { type Refinement, refiningTimeOf, scoringTimeOf } from '../recipe/recipe.ts';
import { beginRefinement, readRefinements, removeInterimModels } from './refinement-store.ts';
import type { RoundFacts } from './round-state.ts';
import type { StoredRound } from './round-store.ts';
import { beginScoring, removeCandidates } from './scoring-store.ts';

/** The heavy work of a round, done elsewhere so that the service keeps answering. */
export interface RoundWork {
  /**
   * Checks a complete contribution folder; throws a RegmeanError that names the tensor and the
   * rule.
   *
   * @param wanted what of it is new, where the agent was asked again
   */
  validate(folder: string, agent: string, wanted?: Refinement): Promise<void>;
  /**
   * Merges the contributions of `agents` into the round's `merged` folder, which appears in one
   * rename.
   */
  merge(agents: readonly string[], onProgress: OnProgress): Promise<void>;
  /**
   * Merges the contributions of `agents` into the round's `candidates` folder, which appears in one
   * rename.
   */
  makeCandidates(agents: readonly string[], onProgress: OnProgress): Promise<void>;
  /**
   * Merges the contributions of `agents` into the model that agents are asked again about, which
   * appears in one rename.
   */
  mergeFor(wanted: Refinement, agents: readonly string[], onProgress: OnProgress): Promise<void>;
}

/** Told how far a merge has come. */
export type OnProgress = (step: string, done: number, total: number) => void;

/** What the files of a round say. */
export type RoundFiles = Pick<
  RoundFacts,
  'contributed' | 'scoring' | 'refinements' | 'merged' | 'mergeFailure'
>;

/**
 * Does the next merge of a round whose time has come: for what agents are asked again, of the
 * candidates that they score, or the one that is the result.
 *
 * @returns reads what the files say of it now
 */
export async function doNextMerge(
  round: StoredRound,
  { contributed, refinements, scoring }: RoundFiles,
  work: RoundWork,
  onProgress: OnProgress,
): Promise<() => Promise<Partial<RoundFiles>>> {
  const { paths, recipe } = round;
  const next = refinements.find(({ asked }) => asked === undefined)?.wanted;
  if (next !== undefined) {
    await work.mergeFor(next, contributed, onProgress);
    await beginRefinement(paths, next, Date.now() + refiningTimeOf(recipe));
    return async () => ({ refinements: await readRefinements(paths, recipe) });
  }
  if (isAuto(recipe.merge) && scoring === undefined) {
    await work.makeCandidates(contributed, onProgress);
    const begun = await beginScoring(paths, Date.now() + scoringTimeOf(recipe));
    return async () => ({ scoring: begun });
  }
  await work.merge(contributed, onProgress);
  // What cannot be removed now is when the round is started again. Only then it is merged: who
  // looks at the state hears of its change at the same moment.
  await removeUnchosen(round).catch(() => {});
  return async () => ({ merged: true });
}

/** Removes the merges that are not the fused model. */
export async function removeUnchosen({ paths, recipe }: StoredRound): Promise<void> {
  await removeCandidates(paths);
  await removeInterimModels(paths, recipe);
}
