/** @file The built-in corpora of experiments, by name. */
import { RegmeanError } from '../../shared/errors.ts';
import { namesDataset, partOfSpeechDataset } from './brown.ts';
import {
  contentsDatasets,
  genreTask,
  type JointTask,
  prepositionTask,
  tenseTask,
} from './brown-sentences.ts';
import { type Corpus, type CorpusAgent, corpusOfDomains, writeCorpusFiles } from './corpus.ts';
import type { DatasetRow, LabelledText, SplitSizes } from './dataset.ts';
import { fourTasks, sevenTasks } from './different-tasks.ts';
import type { ExperimentData } from './experiment-data.ts';
import type { PartitionOptions } from './key-class-partition.ts';
import { sentimentDataset } from './sentiment.ts';
import { sentimentTask } from './sentiment-task.ts';
import { partitionedCorpus } from './write-partition.ts';

type CorpusMaker = (sizes: SplitSizes, seed: number) => Corpus;

/** Corpora whose agents are domains, classes or tasks. */
const corpora: Readonly<Record<string, CorpusMaker>> = {
  names: (sizes, seed) => corpusOfDomains(namesDataset(sizes, seed)),
  'part-of-speech': (sizes, seed) => corpusOfDomains(partOfSpeechDataset(sizes, seed)),
  sentiment: (sizes, seed) => corpusOfDomains(sentimentDataset(sizes, seed)),
  contents: contentsCorpus,
  'genre-halves': genreHalves,
  tasks: fourTasks,
  'seven-tasks': sevenTasks,
};

/** Classification tasks that a partition divides between two agents. */
const jointTasks: Readonly<Record<string, JointTask>> = {
  sentiment: sentimentTask,
  genre: genreTask,
  tense: tenseTask,
  preposition: prepositionTask,
};

/** How a corpus is made. */
export interface CorpusOptions {
  /** Rows of each agent and test set; of the whole, where a partition divides it. */
  readonly sizes: SplitSizes;
  /** Divides one task between two agents with different class frequencies. */
  readonly partition?: PartitionOptions;
}

/**
 * Writes the files of a corpus for one seed.
 *
 * @throws RegmeanError `usage` for a name that is none, naming those there are; `not-found` without
 *   the packages
 */
export async function writeCorpus(
  name: string,
  { sizes, partition }: CorpusOptions,
  seed: number,
  directory: string,
): Promise<ExperimentData> {
  if (partition === undefined) return writeCorpusFiles(find(corpora, name, '')(sizes, seed), directory);
  const rows = find(jointTasks, name, ' for a partition')(sizes, seed);
  return writeCorpusFiles(partitionedCorpus(rows, partition, seed), directory);
}

function find<T>(makers: Readonly<Record<string, T>>, name: string, purpose: string): T {
  const maker = makers[name];
  if (maker !== undefined) return maker;
  throw new RegmeanError(
    'usage',
    `corpus${purpose}: must be one of ${Object.keys(makers).join(', ')}, got ${name}`,
  );
}

/** Each genre's agent knows its own classes only; test sets of no genre hold all classes. */
function contentsCorpus(sizes: SplitSizes, seed: number): Corpus {
  const { whole, classesOf } = contentsDatasets(sizes, seed);
  const { agents, testSets } = corpusOfDomains(whole);
  const classesFor = (name: string): readonly string[] => classesOf.get(name) ?? whole.labels;
  return {
    agents: agents.map((agent) => ({
      ...agent,
      labels: classesFor(agent.name),
      train: agent.train.map((row) => onlyClasses(row, classesFor(agent.name))),
      dev: agent.dev.map((row) => onlyClasses(row, classesFor(agent.name))),
    })),
    testSets: testSets.map((set) => ({
      ...set,
      labels: classesFor(set.name),
      test: set.test.map((row) => onlyClasses(row, classesFor(set.name))),
      dev: set.dev.map((row) => onlyClasses(row, classesFor(set.name))),
    })),
  };
}

function onlyClasses(row: DatasetRow, classes: readonly string[]): DatasetRow {
  return 'labels' in row ? { ...row, labels: row.labels.filter((name) => classes.includes(name)) } : row;
}

/** Two agents that know three genres each; the joint test set has all six. */
function genreHalves(sizes: SplitSizes, seed: number): Corpus {
  const twice = { train: 2 * sizes.train, dev: 2 * sizes.dev, test: 2 * sizes.test };
  const { labels, train, dev, test } = genreTask(twice, seed);
  const halves = [labels.slice(0, 3), labels.slice(3)];
  const task = 'text-classification';
  const agents = halves.map((classes, index): CorpusAgent => {
    const own = (rows: readonly LabelledText[]): LabelledText[] =>
      rows.filter(({ label }) => classes.includes(label));
    return { name: `half-${index + 1}`, task, labels: classes, train: own(train), dev: own(dev) };
  });
  return {
    agents,
    testSets: [{ name: 'joint', task, labels, dev, test, owner: null, group: 'in-domain' }],
  };
}
