import { join, resolve } from 'node:path';

/** Where the parts of a round lie. */
export interface RoundPaths {
  readonly dir: string;
  readonly recipe: string;
  readonly record: string;
  readonly base: string;
  readonly incoming: string;
  readonly contributions: string;
  readonly replaced: string;
  readonly candidates: string;
  readonly scoring: string;
  readonly scores: string;
  readonly refinements: string;
  readonly merged: string;
  readonly failure: string;
}

/** The folder of all rounds of a store. */
export function roundsFolder(store: string): string {
  return join(resolve(store), 'rounds');
}

/** Where the parts of the round `name` lie. */
export function roundPaths(store: string, name: string): RoundPaths {
  const dir = join(roundsFolder(store), name);
  return {
    dir,
    recipe: join(dir, 'recipe.yaml'),
    record: join(dir, 'round.json'),
    base: join(dir, 'base'),
    incoming: join(dir, 'incoming'),
    contributions: join(dir, 'contributions'),
    replaced: join(dir, 'replaced'),
    candidates: join(dir, 'candidates'),
    scoring: join(dir, 'scoring.json'),
    scores: join(dir, 'scores'),
    refinements: join(dir, 'refinements'),
    merged: join(dir, 'merged'),
    failure: join(dir, 'failure.json'),
  };
}
