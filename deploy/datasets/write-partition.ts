import type { DataColumns } from '../../shared/data/column-names.ts';
import { createLabelSpace } from '../../shared/data/label-space.ts';
import { readRows } from '../../shared/data/read-rows.ts';
import type { Row } from '../../shared/data/row.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { createRandom, deriveSeed } from '../../shared/random.ts';
import { type Corpus, writeCorpusFiles } from './corpus.ts';
import type { LabelledText } from './dataset.ts';
import type { ExperimentData } from './experiment-data.ts';
import { type PartitionOptions, partitionByKeyClass } from './key-class-partition.ts';

/** Names of the two agents of a partition, and of the test set that both are scored on. */
export const partitionNames = { key: 'key-class', rest: 'rest', joint: 'joint' } as const;

/** Rows of one classification task. */
export interface JointRows {
  readonly labels: readonly string[];
  readonly train: readonly LabelledText[];
  readonly dev: readonly LabelledText[];
  readonly test: readonly LabelledText[];
}

/** Two agents from one data set, scored on its joint distribution (paper, Section 5.1). */
export function partitionedCorpus(
  { labels, train, dev, test }: JointRows,
  options: PartitionOptions,
  seed: number,
): Corpus {
  const { key, rest } = partitionByKeyClass(train, options, createRandom(deriveSeed(seed, 'partition')));
  const task = 'text-classification';
  return {
    agents: [
      { name: partitionNames.key, task, labels, train: key, dev },
      { name: partitionNames.rest, task, labels, train: rest, dev },
    ],
    testSets: [{ name: partitionNames.joint, task, labels, dev, test, owner: null, group: 'in-domain' }],
  };
}

/** Divides a user's files of one text-classification task; see {@link partitionedCorpus}. */
export async function writePartition(
  files: {
    readonly train: readonly string[];
    readonly dev: readonly string[];
    readonly test: readonly string[];
    readonly columns?: DataColumns;
  },
  labels: readonly string[],
  options: PartitionOptions,
  seed: number,
  directory: string,
): Promise<ExperimentData> {
  const read = async (paths: readonly string[]): Promise<LabelledText[]> =>
    paths.length === 0
      ? []
      : (await readRows(paths, { task: 'text-classification', labelled: true }, files.columns)).map((row) =>
          textOf(row, labels),
        );
  const rows = {
    labels,
    train: await read(files.train),
    dev: await read(files.dev),
    test: await read(files.test),
  };
  return writeCorpusFiles(partitionedCorpus(rows, options, seed), directory);
}

function textOf({ input, label, source }: Row, labels: readonly string[]): LabelledText {
  if (input.kind !== 'text') {
    throw new RegmeanError(
      'unsupported',
      `${source.file}: a partition needs rows with text, got ${input.kind}`,
    );
  }
  const pair = input.textPair === null ? {} : { text_pair: input.textPair };
  // Rows of integers or truth values say which class by its place.
  const id = createLabelSpace(labels).idOf(String(label));
  return { text: input.text, ...pair, label: (id === null ? undefined : labels[id]) ?? String(label) };
}
