/** @file Some rows of a user's files, drawn anew for every seed of an experiment. */
import { join } from 'node:path';
import type { DataColumns } from '../../shared/data/column-names.ts';
import { readRows } from '../../shared/data/read-rows.ts';
import type { Row } from '../../shared/data/row.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { createRandom, deriveSeed, shuffle } from '../../shared/random.ts';
import type { TaskKind } from '../../shared/task.ts';
import type { SplitSizes } from './dataset.ts';
import type { ExperimentData } from './experiment-data.ts';
import { writeRows } from './write-rows.ts';

/** The files of one part of an agent's or a test set's data. */
interface Part {
  readonly name: string;
  readonly task: TaskKind;
  readonly files: readonly string[];
  readonly columns: DataColumns | undefined;
}

/**
 * The same agents and test sets with at most `sizes` rows in every part, written as JSON Lines into
 * `directory`. Rows stay in their order; which they are depends on the seed, the domain and the
 * part alone.
 *
 * @throws RegmeanError `unsupported` for rows that are neither texts nor lists of words; whatever
 *   reading the files throws
 */
export async function sampleFiles(
  { agents, testSets }: ExperimentData,
  sizes: SplitSizes,
  seed: number,
  directory: string,
): Promise<ExperimentData> {
  const sample = async (part: keyof SplitSizes, from: Part): Promise<readonly string[]> => {
    if (from.files.length === 0) return [];
    const rows = await sampleRows(from, sizes[part], deriveSeed(seed, 'sample', from.name, part));
    return [await writeRows(join(directory, from.name), part, rows)];
  };
  return {
    agents: await inTurn(agents, async ({ columns, ...agent }) => ({
      ...agent,
      train: await sample('train', { ...agent, columns, files: agent.train }),
      dev: await sample('dev', { ...agent, columns, files: agent.dev }),
    })),
    testSets: await inTurn(testSets, async ({ columns, ...testSet }) => ({
      ...testSet,
      test: await sample('test', { ...testSet, columns, files: testSet.test }),
      dev: await sample('dev', { ...testSet, columns, files: testSet.dev }),
    })),
  };
}

async function inTurn<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const item of items) results.push(await work(item));
  return results;
}

async function sampleRows({ task, files, columns }: Part, size: number, seed: number): Promise<object[]> {
  const rows = await readRows(files, { task, labelled: true }, columns);
  const drawn = new Set(shuffle([...rows.keys()], createRandom(seed)).slice(0, size));
  return rows.filter((_, place) => drawn.has(place)).map((row) => columnsOf(row, task));
}

/** A row under the names that every reader knows. */
function columnsOf({ input, label, source }: Row, task: TaskKind): Record<string, unknown> {
  switch (input.kind) {
    case 'text': {
      const pair = input.textPair === null ? {} : { text_pair: input.textPair };
      const labels = task === 'multi-label-classification' ? { labels: label } : { label };
      return { text: input.text, ...pair, ...labels };
    }
    case 'words':
      return { tokens: input.words, tags: label };
    default:
      throw new RegmeanError(
        'unsupported',
        `${source.file}: rows are drawn of texts and lists of words, got ${input.kind}`,
        { hint: 'leave out data.sizes' },
      );
  }
}
