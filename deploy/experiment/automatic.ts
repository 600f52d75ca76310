/**
 * @file The row of an experiment that chooses its method by itself: its candidates are scored on
 *   each agent's validation data, by which a round would choose, and never on test sets.
 */
import {
  autoMethod,
  defaultRule,
  type GivenAutoOptions,
  type GivenCandidate,
  sharedOf,
  sharedOptions,
} from '../../merger/auto/auto-options.ts';
import { candidatesOf, defaultCandidates, describeMerge } from '../../merger/auto/candidates.ts';
import { chooseCandidate } from '../../merger/auto/choose-candidate.ts';
import { whyLeftOut } from '../../merger/auto/open-candidates.ts';
import type { CandidateResult, LeftOutCandidate } from '../../merger/merge/merge-report.ts';
import type { MethodName } from '../../merger/methods/registry.ts';
import type { ExperimentData } from '../datasets/experiment-data.ts';
import type { ExperimentMethod } from './experiment-file.ts';
import { metricOf, type ScoredPart } from './score.ts';

/** A row with a method of its own. */
export type FixedMethod = Omit<ExperimentMethod, 'method' | keyof GivenAutoOptions> & {
  readonly method: MethodName;
};

/** A row that chooses. */
export type AutomaticMethod = Omit<ExperimentMethod, 'method'> & { readonly method: typeof autoMethod };

/** The rows of an experiment. */
interface Rows {
  readonly methods: readonly ExperimentMethod[];
}

/** Whether a row chooses its method. */
export function isAutomatic(method: ExperimentMethod | FixedMethod): method is AutomaticMethod {
  return method.method === autoMethod;
}

/** The rows of an experiment that have a method of their own. */
export function fixedMethods({ methods }: Rows): readonly FixedMethod[] {
  return methods.flatMap((own) => (isAutomatic(own) ? [] : [own as FixedMethod]));
}

/** All rows, those that choose behind the others: what these merged is not merged again. */
export function fixedFirst({ methods }: Rows): readonly ExperimentMethod[] {
  return [...methods].sort((a, b) => Number(isAutomatic(a)) - Number(isAutomatic(b)));
}

/** A candidate of a row that chooses. */
export interface CandidateRow {
  readonly name: string;
  /** The label of the row of the file that is the same merge, else what makes it. */
  readonly title: string;
  readonly method: FixedMethod;
}

/**
 * What a row chooses from. A candidate that the file merges as a row of its own is that row, so
 * that it is computed once.
 */
export function candidateRows(
  { label: _, method: __, candidates: given, choose: ___, ...shared }: AutomaticMethod,
  experiment: Rows,
): readonly CandidateRow[] {
  const candidates: readonly GivenCandidate[] = given ?? defaultCandidates;
  const once = fixedMethods(experiment).filter(
    ({ rounds, ridgeHead }) => rounds !== 2 && ridgeHead === undefined,
  );
  const rows = new Map(once.map((row) => [identityOf(row), row]));
  return candidatesOf(candidates, sharedOf(shared)).map(({ name, title }, index) => {
    const own = { ...shared, ...candidates[index], label: title } as FixedMethod;
    const row = rows.get(identityOf(own));
    return row === undefined ? { name, title, method: own } : { name, title: row.label, method: row };
  });
}

/** All that a merge depends on, defaults filled in. */
function identityOf({ label: _, rounds: __, ridgeHead: ___, ...method }: FixedMethod): string {
  const shared = sharedOf(method);
  const given = Object.entries(method).filter(([key]) => !(key in sharedOptions.shape));
  const merges = candidatesOf([Object.fromEntries(given) as never], shared).map(describeMerge);
  return JSON.stringify([merges, sharedOptions.parse(shared)]);
}

/** The agents' validation data, by which a row of their merge chooses. */
export function choosingParts(
  { agents, testSets }: ExperimentData,
  names: readonly string[],
): readonly ScoredPart[] {
  return agents.flatMap(({ train: _, ...agent }) => {
    if (!names.includes(agent.name) || agent.dev.length === 0) return [];
    const own = testSets.find(({ owner }) => owner === agent.name);
    const testSet = own ?? { ...agent, owner: agent.name, group: 'in-domain' as const, test: [] };
    return [{ testSet, part: 'dev' as const }];
  });
}

/**
 * Chooses a candidate by agents' validation data.
 *
 * @param score scores a merge on parts
 * @returns candidates in the order in which they are to be tried: the chosen one, and, where nobody
 *   has validation data, those behind it
 */
export async function choose(
  rows: readonly CandidateRow[],
  parts: readonly ScoredPart[],
  rule: AutomaticMethod['choose'],
  score: (method: FixedMethod) => Promise<readonly number[]>,
): Promise<readonly CandidateRow[]> {
  if (parts.length === 0) return rows;
  const leftOut: LeftOutCandidate[] = [];
  const scored: CandidateRow[] = [];
  const results = parts.map(({ testSet }) => ({
    agent: testSet.owner ?? testSet.name,
    results: new Map<string, CandidateResult>(),
  }));
  for (const row of rows) {
    try {
      const values = await score(row.method);
      for (const [index, { testSet }] of parts.entries()) {
        const result = { metric: metricOf(testSet), value: values[index] ?? Number.NaN, examples: 1 };
        results[index]?.results.set(row.name, result);
      }
      scored.push(row);
    } catch (error) {
      leftOut.push(whyLeftOut(row, error));
    }
  }
  const candidates = scored.map(({ name, title }) => ({ name, title, method: '', options: {}, scale: 1 }));
  const { chosen } = chooseCandidate({ candidates, leftOut }, results, { rule: rule ?? defaultRule });
  return rows.filter(({ name }) => name === chosen);
}
