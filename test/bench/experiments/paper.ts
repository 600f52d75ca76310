/**
 * @file What the paper measured where an experiment of this folder repeats its setting with another
 *   model and less data: all agents merged, in-domain, heads that begin alike (paper, Table 2).
 */
import { summaryRows } from '../../../deploy/experiment/report/all-table.ts';
import { formatSpread, spreadOf } from '../../../deploy/experiment/report/statistics.ts';
import type { Table } from '../../../deploy/experiment/report/table.ts';
import type { ExperimentResults } from '../../../deploy/experiment/results.ts';

interface PaperColumns {
  readonly models: readonly string[];
  /** In percent, in the order of the models, by the name of the row in our tables. */
  readonly rows: Readonly<Record<string, readonly number[]>>;
}

const published: Readonly<Record<string, PaperColumns>> = {
  'emotions-over-corpora': {
    models: ['RoBERTa-base', 'T5-base', 'DeBERTa-large'],
    rows: {
      'average of single models': [18.91, 32.16, 27.56],
      'best single model': [23.98, 34.19, 33.86],
      ensemble: [27.21, 38.89, 28.93],
      Simple: [21.31, 39.52, 2.96],
      Fisher: [28.27, 39.28, 10.88],
      RegMean: [38.73, 40.32, 38.31],
      'each on its own domain': [51.02, 49.38, 52.53],
    },
  },
  'names-over-corpora': {
    models: ['RoBERTa-base', 'DeBERTa-large'],
    rows: {
      'average of single models': [77.02, 76.69],
      'best single model': [88.46, 84.82],
      ensemble: [85.45, 86.4],
      Simple: [81.63, 55.37],
      Fisher: [76.75, 51.01],
      RegMean: [85.68, 85.51],
      'each on its own domain': [88.61, 88.31],
    },
  },
};

/** The paper's rows beside ours; null where it has none for this experiment. */
export function besideThePaper(results: ExperimentResults): Table | null {
  const paper = published[results.name];
  if (paper === undefined) return null;
  const ours = summaryRows(results);
  return {
    caption: 'In-domain, beside the paper’s Table 2 (its own models, whole corpora), in percent',
    columns: ['model', 'here', ...paper.models],
    rows: Object.entries(paper.rows).map(([name, scores]) => ({
      name,
      cells: [
        { text: formatSpread(spreadOf(ours.find((row) => row.name === name)?.inDomain ?? [])) },
        ...scores.map((score) => ({ text: score.toFixed(1) })),
      ],
    })),
  };
}
