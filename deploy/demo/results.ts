import { RegmeanError } from '../../shared/errors.ts';
import type { TableRow, TextTable } from './table.ts';

/** The scores of one model, in [0, 1], by the name of the test set. */
export interface ModelScores {
  readonly label: string;
  readonly scores: ReadonlyMap<string, number>;
}

/** What the comparison is made of. */
export interface Results {
  readonly domains: readonly string[];
  readonly outOfDomain: readonly string[];
  /** Each agent's own model; `label` is the agent's domain. */
  readonly singles: readonly ModelScores[];
  /** What serves all domains at once: merged models and the ensemble. */
  readonly combined: readonly ModelScores[];
}

/**
 * The comparison as a table in percent: a column per domain, their macro average, and the macro
 * average over the out-of-domain test sets when there are any. The best score of a column is bold;
 * summaries of several models compete with nobody.
 *
 * @throws RegmeanError `invalid-input` when a model lacks a score
 */
export function resultsTable(results: Results): TextTable {
  const { domains, outOfDomain, singles, combined } = results;
  const columnsOf = (model: ModelScores): number[] => {
    const { average, unseen } = summaryOf(results, model);
    const seen = domains.map((name) => scoreOf(model, name));
    return [...seen, average, ...(unseen === null ? [] : [unseen])];
  };
  const singleColumns = singles.map(columnsOf);
  const combinedColumns = combined.map(columnsOf);
  const meanColumn = domains.length;
  const best = indexOfLargest(singleColumns.map((columns) => columns[meanColumn] ?? 0));
  const competing = [...singleColumns, ...combinedColumns];
  const largest = (singleColumns[0] ?? []).map((_, column) =>
    Math.max(...competing.map((row) => row[column] ?? 0)),
  );
  const rowOf = (label: string, columns: readonly number[]): TableRow => ({
    label,
    cells: columns.map(percent),
    bold: columns.map((score, column) => percent(score) === percent(largest[column] ?? 0)),
  });
  const rowOfSeveral = (label: string, columns: readonly number[]): TableRow => ({
    label,
    cells: columns.map(percent),
  });
  const own = singles.map((model) => scoreOf(model, model.label));
  return {
    labelHeader: 'model',
    columns: [...domains, 'average', ...(outOfDomain.length > 0 ? ['unseen'] : [])],
    groups: [
      singles.map((model, index) => rowOf(`trained on ${model.label} only`, singleColumns[index] ?? [])),
      [
        rowOfSeveral(`average of these ${singles.length}`, averageColumns(singleColumns)),
        rowOfSeveral(`best of these: ${singles[best]?.label ?? ''}`, singleColumns[best] ?? []),
        rowOfSeveral('each on its own domain', [...own, mean(own)]),
      ],
      combined.map((model, index) => rowOf(model.label, combinedColumns[index] ?? [])),
    ],
  };
}

/** A model's macro averages over the agents' domains, and over unseen ones (null without any). */
export interface Summary {
  readonly label: string;
  readonly average: number;
  readonly unseen: number | null;
}

/** The averages of every model. */
export function summariesOf(results: Results): {
  readonly singles: readonly Summary[];
  readonly combined: readonly Summary[];
} {
  const summary = (model: ModelScores): Summary => summaryOf(results, model);
  return { singles: results.singles.map(summary), combined: results.combined.map(summary) };
}

function summaryOf(
  { domains, outOfDomain }: Pick<Results, 'domains' | 'outOfDomain'>,
  model: ModelScores,
): Summary {
  const over = (names: readonly string[]): number => mean(names.map((name) => scoreOf(model, name)));
  const unseen = outOfDomain.length === 0 ? null : over(outOfDomain);
  return { label: model.label, average: over(domains), unseen };
}

function scoreOf(model: ModelScores, testSet: string): number {
  const score = model.scores.get(testSet);
  if (score === undefined) {
    throw new RegmeanError(
      'invalid-input',
      `resultsTable: ${model.label} must have a score on ${testSet}, got none`,
    );
  }
  return score;
}

function averageColumns(rows: readonly (readonly number[])[]): number[] {
  return (rows[0] ?? []).map((_, column) => mean(rows.map((row) => row[column] ?? 0)));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function indexOfLargest(values: readonly number[]): number {
  return values.indexOf(Math.max(...values));
}

function percent(score: number): string {
  return (100 * score).toFixed(1);
}
