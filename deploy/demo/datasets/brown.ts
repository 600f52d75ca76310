import {
  type BrownDocument,
  type BrownGenre,
  type BrownSentence,
  readBrownCorpus,
} from '../../../agent/pretraining/corpora/brown.ts';
import { brownDomains, brownOutOfDomain, brownUse } from '../../../agent/pretraining/corpora/brown-use.ts';
import { comparableText } from '../../../agent/pretraining/reserved-text.ts';
import { createRandom, deriveSeed, shuffle } from '../../../shared/random.ts';
import { type DatasetRow, type DemoDataset, type DomainData, type SplitSizes, splitRows } from './dataset.ts';
import { nameLabels, nameTags } from './name-tags.ts';
import { partOfSpeechTable, partOfSpeechTags } from './part-of-speech-tags.ts';

const fewestWords = 4;
const mostWords = 80;

/**
 * Spans of names and titles, in sentences that have at least one; the genres of the Brown corpus are the domains.
 * Names are much rarer in some genres than in others: of all sentences, agents would mostly learn how rare.
 */
export function namesDataset(sizes: SplitSizes, seed: number): DemoDataset {
  const hasName = (tags: readonly string[]): boolean => tags.some((tag) => tag !== 'O');
  return brownDataset('names', nameLabels, nameTags, hasName, sizes, seed);
}

/** Parts of speech in a reduced tag set; the genres of the Brown corpus are the domains. */
export function partOfSpeechDataset(sizes: SplitSizes, seed: number): DemoDataset {
  return brownDataset(
    'part-of-speech',
    Object.keys(partOfSpeechTable),
    partOfSpeechTags,
    () => true,
    sizes,
    seed,
  );
}

function brownDataset(
  name: string,
  labels: readonly string[],
  tagsOf: (sentence: BrownSentence) => string[],
  keep: (tags: readonly string[]) => boolean,
  sizes: SplitSizes,
  seed: number,
): DemoDataset {
  const documents = readBrownCorpus();
  const isNew = unseenSentences();
  const rowsOf = (document: BrownDocument): DatasetRow[] =>
    document.sentences
      .filter((sentence) => isUsable(sentence) && isNew(sentence))
      .map((sentence) => ({ tokens: sentence.words, tags: tagsOf(sentence) }))
      .filter(({ tags }) => keep(tags));
  const documentsOf = (genre: BrownGenre): BrownDocument[] =>
    documents.filter((document) => document.genre === genre && brownUse(document) !== 'pretraining');
  return {
    task: 'token-classification',
    labels,
    domains: brownDomains.map((domain) => {
      const random = createRandom(deriveSeed(seed, name, domain));
      return splitDocuments(domain, shuffle(documentsOf(domain), random).map(rowsOf), sizes, random);
    }),
    outOfDomain: brownOutOfDomain.map((domain) => {
      const random = createRandom(deriveSeed(seed, name, domain));
      return { domain, test: shuffle(documentsOf(domain).flatMap(rowsOf), random).slice(0, sizes.test) };
    }),
  };
}

/** Splits a domain by document, so that no document gives sentences to two parts; each part is in random order. */
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
