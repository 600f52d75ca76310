/**
 * @file What came out, in sentences that are made from the measurements, also where no merge wins.
 */
import type { ExperimentResults } from '../results.ts';
import { bestAgent, gainOverSimple, type SummaryRow, simpleOf, summaryRows } from './all-table.ts';
import { formatPercent, formatRelation, formatSpread, mean, spreadOf } from './statistics.ts';

/** The first lines of a report. */
export function findings(results: ExperimentResults): readonly string[] {
  const rows = summaryRows(results);
  const merges = rows.filter(({ merge }) => merge);
  if (merges.length === 0) return ['Nothing was merged in this experiment.'];
  return [...comparisonsWithSimple(rows, merges), ...comparisonsWithBaselines(results, rows, bestOf(merges))];
}

function comparisonsWithSimple(
  rows: readonly SummaryRow[],
  merges: readonly SummaryRow[],
): readonly string[] {
  const simple = simpleOf(rows);
  return merges.flatMap((row) => {
    const gain = gainOverSimple(rows, row);
    if (simple === undefined || gain === null || gain.count === 0) return [];
    const wins = row.inDomain.filter((score, seed) => score > (simple.inDomain[seed] ?? Number.NaN)).length;
    const size = gain.mean < 0 ? { ...gain, mean: -gain.mean } : gain;
    const direction = gain.mean < 0 ? 'below' : 'above';
    const outside = differenceOf(row.outOfDomain, simple.outOfDomain);
    return [
      `${row.name} is ${formatSpread(size)} points ${direction} ${simple.name}, above it in ${wins} of ` +
        `${gain.count} ${gain.count === 1 ? 'seed' : 'seeds'}` +
        `${outside === null ? '' : `; out of domain ${outside}`}.`,
    ];
  });
}

function comparisonsWithBaselines(
  results: ExperimentResults,
  rows: readonly SummaryRow[],
  best: SummaryRow,
): readonly string[] {
  const parts = rows
    .filter(({ merge }) => !merge)
    .flatMap((row) => {
      const difference = mean(best.inDomain) - mean(row.inDomain);
      if (Number.isNaN(difference)) return [];
      const agents = new Set(results.seeds.map((seed) => bestAgent(results, seed)));
      const who = row.name === 'best single model' ? ` (${[...agents].join(', ')})` : '';
      return [`${formatRelation(difference)} ${nameInSentence(row.name)}${who}`];
    });
  if (parts.length === 0) return [];
  const score = formatSpread(spreadOf(best.inDomain));
  const list = [parts.slice(0, -1).join(', '), parts.at(-1)].filter((part) => part !== '').join(' and ');
  return [`The best merge in-domain, ${best.name} with ${score}, is ${list}.`];
}

/** A baseline's name as a sentence has it. */
function nameInSentence(name: string): string {
  if (name.startsWith('each')) return `the models, ${name}`;
  return name.startsWith('multi-task') ? name : `the ${name}`;
}

/** The merge with the highest in-domain average. */
function bestOf(merges: readonly SummaryRow[]): SummaryRow {
  return merges.reduce((best, row) => (mean(row.inDomain) > mean(best.inDomain) ? row : best));
}

function differenceOf(scores: readonly number[], others: readonly number[]): string | null {
  const difference = mean(scores) - mean(others);
  if (Number.isNaN(difference)) return null;
  return `${formatPercent(Math.abs(difference))} points ${difference < 0 ? 'below' : 'above'}`;
}
