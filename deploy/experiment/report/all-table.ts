/**
 * @file The table of everything that serves all agents: baselines and merges (paper, Tables 1 to
 *   4).
 */
import type { ExperimentResults, Measurement, Scores } from '../results.ts';
import {
  formatGain,
  formatSpread,
  macroAverage,
  mean,
  ofSetting,
  type Spread,
  spreadOf,
} from './statistics.ts';
import type { Table } from './table.ts';

/** A row of the table: one model, or one rule to choose a model, over all seeds. */
export interface SummaryRow {
  readonly name: string;
  /** Whether it is a merge, which the best is marked among. */
  readonly merge: boolean;
  /** Scores of each seed, in the order of the seeds. */
  readonly scores: readonly Scores[];
  readonly inDomain: readonly number[];
  readonly outOfDomain: readonly number[];
}

/** Names of the test sets of a group. */
export function testSetNames(
  { testSets }: ExperimentResults,
  group: 'in-domain' | 'out-of-domain',
): readonly string[] {
  return testSets.filter((set) => set.group === group).map(({ name }) => name);
}

/** The agent with the best mean validation score over the in-domain test sets of a seed. */
export function bestAgent(results: ExperimentResults, seed: number): string | null {
  const names = testSetNames(results, 'in-domain');
  const ranked = singlesOf(results, seed)
    .map(({ agents, validation }) => ({ agent: agents[0] as string, score: macroAverage(validation, names) }))
    .filter(({ score }) => !Number.isNaN(score))
    .sort((a, b) => b.score - a.score);
  return ranked[0]?.agent ?? null;
}

/** Baselines and merges of all agents, those that were measured. */
export function summaryRows(results: ExperimentResults): readonly SummaryRow[] {
  const { seeds, measurements, methods, testSets } = results;
  const inDomain = testSetNames(results, 'in-domain');
  const outOfDomain = testSetNames(results, 'out-of-domain');
  const row = (name: string, merge: boolean, of: (seed: number) => Scores | null): SummaryRow => {
    const scores = seeds.map((seed) => of(seed) ?? {});
    return {
      ...{ name, merge, scores },
      inDomain: scores.map((own) => macroAverage(own, inDomain)),
      outOfDomain: scores.map((own) => macroAverage(own, outOfDomain)),
    };
  };
  const found = (setting: Measurement['setting'], method: string) => (seed: number) =>
    measurements.find((own) => own.seed === seed && own.setting === setting && own.method === method)
      ?.scores ?? null;
  const averageOfSingles = (seed: number): Scores => {
    const singles = singlesOf(results, seed);
    return Object.fromEntries(
      testSets.map(({ name }) => [name, mean(singles.map(({ scores }) => scores[name] ?? Number.NaN))]),
    );
  };
  const best = (seed: number): Scores | null => {
    const agent = bestAgent(results, seed);
    return singlesOf(results, seed).find(({ agents }) => agents[0] === agent)?.scores ?? null;
  };
  const ownDomain = (seed: number): Scores =>
    Object.fromEntries(
      testSets.flatMap(({ name, owner }) => {
        const own = singlesOf(results, seed).find(({ agents }) => agents[0] === owner);
        return own?.scores[name] === undefined ? [] : [[name, own.scores[name]]];
      }),
    );
  return [
    row('average of single models', false, averageOfSingles),
    row('best single model', false, best),
    row('each on its own domain', false, ownDomain),
    row('multi-task training', false, found('multi-task', 'multi-task')),
    row('ensemble', false, found('all', 'ensemble')),
    ...methods.map((method) => row(method, true, found('all', method))),
  ].filter(({ inDomain: scores }) => scores.some((score) => !Number.isNaN(score)));
}

/** Per seed, how far a row is above Simple in-domain; nothing without Simple. */
export function gainOverSimple(rows: readonly SummaryRow[], row: SummaryRow): Spread | null {
  const simple = simpleOf(rows);
  if (simple === undefined || simple === row) return null;
  return spreadOf(row.inDomain.map((score, seed) => score - (simple.inDomain[seed] ?? Number.NaN)));
}

/** The row of simple averaging, whose method is called so. */
export function simpleOf(rows: readonly SummaryRow[]): SummaryRow | undefined {
  return rows.find(({ name, merge }) => merge && /^simple\b/i.test(name));
}

/** The table of a report; null when not all agents were merged. */
export function allTable(results: ExperimentResults): Table | null {
  const rows = summaryRows(results);
  if (!rows.some(({ merge }) => merge)) return null;
  const outOfDomain = testSetNames(results, 'out-of-domain');
  const withGain = simpleOf(rows) !== undefined;
  const metricOf = new Map(results.testSets.map(({ name, metric }) => [name, metric]));
  const metrics = new Set(metricOf.values());
  const single = results.testSets.length === 1;
  const columns = [
    'model',
    single ? `${results.testSets[0]?.name}` : 'in-domain',
    ...(outOfDomain.length > 0 ? ['out-of-domain'] : []),
    ...(withGain ? ['above Simple'] : []),
    ...(single
      ? []
      : results.testSets.map(({ name, metric }) => (metrics.size > 1 ? `${name} (${metric})` : name))),
  ];
  const spreads = rows.map((row) => {
    const gain = gainOverSimple(rows, row);
    return {
      row,
      cells: [
        { spread: spreadOf(row.inDomain), format: formatSpread, ranked: true },
        ...(outOfDomain.length > 0
          ? [{ spread: spreadOf(row.outOfDomain), format: formatSpread, ranked: true }]
          : []),
        ...(withGain ? [{ spread: gain ?? spreadOf([]), format: formatGain, ranked: false }] : []),
        ...(single ? [] : results.testSets).map(({ name }) => ({
          spread: spreadOf(row.scores.map((scores) => scores[name] ?? Number.NaN)),
          format: formatSpread,
          ranked: true,
        })),
      ],
    };
  });
  const best = columns
    .slice(1)
    .map((_, column) =>
      Math.max(
        ...spreads.flatMap(({ row, cells }) =>
          row.merge && cells[column]?.ranked === true && (cells[column]?.spread.count ?? 0) > 0
            ? [cells[column]?.spread.mean as number]
            : [],
        ),
      ),
    );
  return {
    caption: `All agents: ${[...metrics].join(', ')} in percent; the best merge is bold`,
    columns,
    rows: spreads.map(({ row, cells }) => ({
      name: row.name,
      cells: cells.map(({ spread, format, ranked }, column) => ({
        text: format(spread),
        bold: row.merge && ranked && spread.mean === best[column],
      })),
    })),
  };
}

function singlesOf({ measurements }: ExperimentResults, seed: number): readonly Measurement[] {
  return ofSetting(measurements, 'single').filter((own) => own.seed === seed);
}
