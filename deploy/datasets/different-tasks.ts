/** @file Agents whose tasks have nothing in common: an encoder is merged, each keeps its head. */
import { createRandom, deriveSeed, shuffle } from '../../shared/random.ts';
import { brownDomains } from '../pretraining/corpora/brown-use.ts';
import { namesDataset, partOfSpeechDataset } from './brown.ts';
import { contentsDatasets, densityDataset, genreTask, type JointTask, tenseTask } from './brown-sentences.ts';
import type { Corpus, CorpusAgent } from './corpus.ts';
import type { DatasetRow, DemoDataset, SplitSizes } from './dataset.ts';
import { sentimentTask } from './sentiment-task.ts';

/** Four agents with a task each. */
export function fourTasks(sizes: SplitSizes, seed: number): Corpus {
  return together([
    classification('sentiment', sentimentTask, sizes, seed),
    classification('tense', tenseTask, sizes, seed),
    ofAllDomains('names', namesDataset(eachOf(sizes), seed), sizes, seed),
    ofAllDomains('part-of-speech', partOfSpeechDataset(eachOf(sizes), seed), sizes, seed),
  ]);
}

/** Seven agents: three tasks more over the same sentences. */
export function sevenTasks(sizes: SplitSizes, seed: number): Corpus {
  return together([
    fourTasks(sizes, seed),
    classification('genre', genreTask, sizes, seed),
    ofAllDomains('density', densityDataset(eachOf(sizes), seed), sizes, seed),
    ofAllDomains('contents', contentsDatasets(eachOf(sizes), seed).whole, sizes, seed),
  ]);
}

function classification(name: string, task: JointTask, sizes: SplitSizes, seed: number): Corpus {
  return oneAgent(name, 'text-classification', task(sizes, seed));
}

/** One agent with the rows of a data set's domains, in random order. */
function ofAllDomains(
  name: string,
  { task, labels, domains }: DemoDataset,
  sizes: SplitSizes,
  seed: number,
): Corpus {
  const random = createRandom(deriveSeed(seed, name, 'together'));
  const rowsOf = (part: 'train' | 'dev' | 'test'): DatasetRow[] =>
    shuffle(
      domains.flatMap((domain) => domain[part]),
      random,
    ).slice(0, sizes[part]);
  return oneAgent(name, task, { labels, train: rowsOf('train'), dev: rowsOf('dev'), test: rowsOf('test') });
}

/** A sixth of the rows: there are six domains. */
function eachOf({ train, dev, test }: SplitSizes): SplitSizes {
  const share = (count: number): number => Math.ceil(count / brownDomains.length);
  return { train: share(train), dev: share(dev), test: share(test) };
}

function together(parts: readonly Corpus[]): Corpus {
  return {
    agents: parts.flatMap(({ agents }) => agents),
    testSets: parts.flatMap(({ testSets }) => testSets),
  };
}

function oneAgent(
  name: string,
  task: CorpusAgent['task'],
  rows: {
    readonly labels: readonly string[];
    readonly train: readonly DatasetRow[];
    readonly dev: readonly DatasetRow[];
    readonly test: readonly DatasetRow[];
  },
): Corpus {
  const { labels, train, dev, test } = rows;
  return {
    agents: [{ name, task, labels, train, dev }],
    testSets: [{ name, task, labels, dev, test, owner: name, group: 'in-domain' }],
  };
}
