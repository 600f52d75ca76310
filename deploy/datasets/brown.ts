import { createRandom, deriveSeed, shuffle } from '../../shared/random.ts';
import type { TaskKind } from '../../shared/task.ts';
import {
  type BrownDocument,
  type BrownGenre,
  type BrownSentence,
  readBrownCorpus,
} from '../pretraining/corpora/brown.ts';
import { brownDomains, brownOutOfDomain, brownUse } from '../pretraining/corpora/brown-use.ts';
import { comparableText } from '../pretraining/reserved-text.ts';
import { type DatasetRow, type DemoDataset, type DomainData, type SplitSizes, splitRows } from './dataset.ts';
import { nameLabels, nameTags } from './name-tags.ts';
import { partOfSpeechTable, partOfSpeechTags } from './part-of-speech-tags.ts';

const fewestWords = 4;
const mostWords = 80;

/**
 * Spans of names and titles, in sentences that have at least one; the genres of the Brown corpus
 * are the domains. Names are much rarer in some genres than in others: of all sentences, agents
 * would mostly learn how rare.
 */
export function namesDataset(sizes: SplitSizes, seed: number): DemoDataset {
  return brownDataset('names', 'token-classification', nameLabels, sizes, seed, (sentence) => {
    const tags = nameTags(sentence);
    return tags.some((tag) => tag !== 'O') ? { tokens: sentence.words, tags } : null;
  });
}

/** Parts of speech in a reduced tag set; the genres of the Brown corpus are the domains. */
export function partOfSpeechDataset(sizes: SplitSizes, seed: number): DemoDataset {
  const labels = Object.keys(partOfSpeechTable);
  return brownDataset('part-of-speech', 'token-classification', labels, sizes, seed, (sentence) => ({
    tokens: sentence.words,
    tags: partOfSpeechTags(sentence),
  }));
}

/**
 * A task over the sentences of the Brown corpus, its genres as domains.
 *
 * @param name seeds the split, so that different tasks split differently
 * @param toRow the row of a sentence; null leaves it out
 */
export function brownDataset(
  name: string,
  task: TaskKind,
  labels: readonly string[],
  sizes: SplitSizes,
  seed: number,
  toRow: (sentence: BrownSentence, genre: BrownGenre) => DatasetRow | null,
): DemoDataset {
  const documents = readBrownCorpus();
  const isNew = unseenSentences();
  const rowsOf = (document: BrownDocument): DatasetRow[] =>
    document.sentences
      .filter((sentence) => isUsable(sentence) && isNew(sentence))
      .flatMap((sentence) => toRow(sentence, document.genre) ?? []);
  const documentsOf = (genre: BrownGenre): BrownDocument[] =>
    documents.filter((document) => document.genre === genre && brownUse(document) !== 'pretraining');
  return {
    task,
    labels,
    domains: brownDomains.map((domain) => {
      const random = createRandom(deriveSeed(seed, name, domain));
      return splitDocuments(domain, shuffle(documentsOf(domain), random).map(rowsOf), sizes, random);
    }),
    outOfDomain: brownOutOfDomain.map((domain) => {
      const random = createRandom(deriveSeed(seed, name, domain));
      const rows = shuffle(documentsOf(domain).flatMap(rowsOf), random);
      const spoken = sizes.test + sizes.dev;
      return { domain, test: rows.slice(0, sizes.test), dev: rows.slice(sizes.test, spoken) };
    }),
  };
}

/**
 * Splits a domain by document, so that no document gives sentences to two parts; each part is in
 * random order.
 */
function splitDocuments(
  domain: string,
  documents: readonly DatasetRow[][],
  sizes: SplitSizes,
  random: () => number,
): DomainData {
  let next = 0;
  const take = (rows: number): DatasetRow[] => {
    const taken: DatasetRow[] = [];
    while (taken.length < rows && next < documents.length) taken.push(...(documents[next++] ?? []));
    return shuffle(taken, random).slice(0, rows);
  };
  const test = take(sizes.test);
  const dev = take(sizes.dev);
  const train = take(Number.POSITIVE_INFINITY).slice(0, sizes.train);
  return splitRows(domain, [...test, ...dev, ...train], sizes);
}

/** Headlines, fragments and very long sentences are left out. */
function isUsable({ words, tags }: BrownSentence): boolean {
  return (
    words.length >= fewestWords && words.length <= mostWords && !tags.every((tag) => tag.includes('-hl'))
  );
}

/** Tells sentences that have not come before, letters and digits compared. */
function unseenSentences(): (sentence: BrownSentence) => boolean {
  const seen = new Set<string>();
  return ({ words }) => {
    const comparable = comparableText(words.join(''));
    return comparable !== '' && !seen.has(comparable) && seen.add(comparable) !== undefined;
  };
}
