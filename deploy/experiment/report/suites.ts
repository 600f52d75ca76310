/**
 * @file How methods compare over several experiments: ranks, paired tests, and whether the rows
 *   that choose their method keep up with the best of those that do not.
 */
import { heatMap } from '../../../shared/charts/heat-map.ts';
import type { ExperimentResults } from '../results.ts';
import { type SummaryRow, summaryRows } from './all-table.ts';
import type { Section } from './section.ts';
import { formatGain, formatRelation, formatSpread, mean, spreadOf } from './statistics.ts';
import type { Table } from './table.ts';

/** A method's scores in every experiment, by seed. */
interface MethodScores {
  readonly name: string;
  /** In the order of the experiments; each in the order of its seeds. */
  readonly bySuite: readonly (readonly number[])[];
  /** 1 is the best; equal scores share the mean of their places. */
  readonly ranks: readonly number[];
  readonly outOfDomain: readonly (readonly number[])[];
}

/**
 * The comparison of the methods that every one of the experiments measured, all agents merged.
 *
 * @param reference label of the method that the others are tested against
 */
export function suitesSection(suites: readonly ExperimentResults[], reference: string): Section {
  const methods = scoresOf(suites);
  const automatic = methods.filter(({ name }) => isAutomatic(suites, name));
  const names = suites.map(({ name }) => name);
  return {
    title: 'Over all experiments',
    sentences: automatic.flatMap((row) => keepsUp(suites, methods, row)),
    tables: [ranksTable(names, methods), ...pairedTable(suites, methods, reference)],
    charts: [
      {
        caption: 'Rank of each method in each experiment, by the mean in-domain score; 1 is the best',
        svg: heatMap({
          label: 'Rank of merge methods by experiment',
          rows: methods.map(({ name }) => name),
          columns: [...names, 'mean rank'],
          values: methods.map(({ ranks }) => [...ranks, mean(ranks)]),
          digits: 1,
          lowIsGood: true,
        }),
      },
    ],
  };
}

/** Methods that all experiments have, the best mean rank first. */
function scoresOf(suites: readonly ExperimentResults[]): readonly MethodScores[] {
  const rowsBySuite = suites.map((suite) => summaryRows(suite).filter(({ merge }) => merge));
  const common = (rowsBySuite[0] ?? []).filter(({ name }) =>
    rowsBySuite.every((rows) => rows.some((row) => row.name === name)),
  );
  const rowOf = (rows: readonly SummaryRow[], name: string): SummaryRow =>
    rows.find((row) => row.name === name) as SummaryRow;
  const ranksBySuite = rowsBySuite.map((rows) =>
    ranksOf(common.map(({ name }) => mean(rowOf(rows, name).inDomain))),
  );
  return common
    .map(({ name }, index) => ({
      name,
      bySuite: rowsBySuite.map((rows) => rowOf(rows, name).inDomain),
      outOfDomain: rowsBySuite.map((rows) => rowOf(rows, name).outOfDomain),
      ranks: ranksBySuite.map((ranks) => ranks[index] as number),
    }))
    .sort((a, b) => mean(a.ranks) - mean(b.ranks));
}

/** Places of values, the largest first; equal ones share the mean of theirs. */
export function ranksOf(values: readonly number[]): readonly number[] {
  return values.map((value) => {
    const above = values.filter((other) => other > value).length;
    const level = values.filter((other) => other === value).length;
    return above + (level + 1) / 2;
  });
}

function ranksTable(names: readonly string[], methods: readonly MethodScores[]): Table {
  const best = names.map((_, suite) => Math.max(...methods.map(({ bySuite }) => mean(bySuite[suite] ?? []))));
  return {
    caption: 'In-domain scores in percent, and the mean rank; the best method of an experiment is bold',
    columns: ['method', ...names, 'mean rank'],
    rows: methods.map(({ name, bySuite, ranks }) => ({
      name,
      cells: [
        ...bySuite.map((scores, suite) => ({
          text: formatSpread(spreadOf(scores)),
          bold: mean(scores) === best[suite],
        })),
        { text: mean(ranks).toFixed(1) },
      ],
    })),
  };
}

function pairedTable(
  suites: readonly ExperimentResults[],
  methods: readonly MethodScores[],
  reference: string,
): readonly Table[] {
  const base = methods.find(({ name }) => name === reference);
  if (base === undefined) return [];
  const differences = (own: MethodScores, part: 'bySuite' | 'outOfDomain'): readonly number[] =>
    own[part].flatMap((scores, suite) =>
      scores.map((score, seed) => score - (base[part][suite]?.[seed] ?? Number.NaN)),
    );
  return [
    {
      caption:
        `Differences to ${reference} in points, seed by seed over ${suites.length} experiments; ` +
        'p: two-sided, by flipping signs',
      columns: ['method', 'in-domain', 'above it', 'p', 'out-of-domain'],
      rows: methods
        .filter((own) => own !== base)
        .map((own) => {
          const inDomain = differences(own, 'bySuite');
          const outside = spreadOf(differences(own, 'outOfDomain'));
          return {
            name: own.name,
            cells: [
              { text: formatGain(spreadOf(inDomain)) },
              { text: `${inDomain.filter((difference) => difference > 0).length} of ${inDomain.length}` },
              { text: formatProbability(signFlipProbability(inDomain)) },
              { text: formatGain(outside) },
            ],
          };
        }),
    },
  ];
}

function formatProbability(p: number): string {
  return p < 0.001 ? '< 0.001' : p.toFixed(3);
}

/** The largest number of pairs whose signs are flipped in every way; more would take minutes. */
const mostPairs = 20;

/**
 * How often a mean at least as far from zero comes out when every difference may as well have the
 * other sign: the exact paired permutation test. Differences after the twentieth are left out.
 */
export function signFlipProbability(differences: readonly number[]): number {
  const pairs = differences.slice(0, mostPairs);
  const observed = Math.abs(pairs.reduce((sum, value) => sum + value, 0));
  let sums = [0];
  for (const value of pairs) sums = sums.flatMap((sum) => [sum + value, sum - value]);
  const slack = 1e-12 * Math.max(1, ...pairs.map(Math.abs));
  return sums.filter((sum) => Math.abs(sum) >= observed - slack).length / sums.length;
}

/** Whether a row chose its method by validation data. */
function isAutomatic(suites: readonly ExperimentResults[], name: string): boolean {
  return suites.some(({ measurements }) =>
    measurements.some(({ method, chosen }) => method === name && chosen !== undefined),
  );
}

/** How a row that chooses compares with the best other method of every experiment. */
function keepsUp(
  suites: readonly ExperimentResults[],
  methods: readonly MethodScores[],
  automatic: MethodScores,
): readonly string[] {
  const fixed = methods.filter(({ name }) => !isAutomatic(suites, name));
  return suites.flatMap(({ title }, suite) => {
    const own = automatic.bySuite[suite] ?? [];
    const best = fixed.reduce<MethodScores | undefined>(
      (first, row) =>
        first === undefined || mean(row.bySuite[suite] ?? []) > mean(first.bySuite[suite] ?? [])
          ? row
          : first,
      undefined,
    );
    if (best === undefined) return [];
    const gap = spreadOf(own.map((score, seed) => score - (best.bySuite[suite]?.[seed] ?? Number.NaN)));
    return [
      `${title}: ${automatic.name} (${formatSpread(spreadOf(own))}) is ${formatRelation(gap.mean)} the best fixed method of ` +
        `all, ${best.name} (${formatSpread(spreadOf(best.bySuite[suite] ?? []))}).`,
    ];
  });
}
