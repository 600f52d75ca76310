/** @file Tasks over whole sentences of the Brown corpus, made from its genres and tags. */

import { createRandom, deriveSeed, shuffle } from '../../shared/random.ts';
import type { BrownSentence } from '../pretraining/corpora/brown.ts';
import { brownDomains } from '../pretraining/corpora/brown-use.ts';
import { brownDataset } from './brown.ts';
import type { DemoDataset, LabelledText, SplitSizes } from './dataset.ts';
import type { JointRows } from './write-partition.ts';

/** A task whose rows come from all genres together. */
export type JointTask = (sizes: SplitSizes, seed: number) => JointRows;

/** Which of six genres a sentence of at least twelve words is from. */
export const genreTask: JointTask = (sizes, seed) =>
  joint(sizes, seed, 'genre', brownDomains, (each) =>
    brownDataset('genre', 'text-classification', brownDomains, each, seed, (sentence, genre) =>
      sentence.words.length < 12 ? null : { text: textOf(sentence.words), label: genre },
    ),
  );

/** Whether the first finite verb of a sentence is in the past or the present tense. */
export const tenseTask: JointTask = (sizes, seed) =>
  joint(sizes, seed, 'tense', ['past', 'present'], (each) =>
    brownDataset('tense', 'text-classification', ['past', 'present'], each, seed, (sentence) => {
      const label = sentence.tags.map(tenseOf).find((tense) => tense !== null);
      return label === undefined || label === null ? null : { text: textOf(sentence.words), label };
    }),
  );

const prepositions = ['of', 'in', 'to', 'for', 'with', 'on'] as const;

/** Which preposition stood where a sentence now has [MASK]; as many sentences of each. */
export const prepositionTask: JointTask = (sizes, seed) => {
  const counts = new Map<string, number>();
  return joint(sizes, seed, 'preposition', prepositions, (each) =>
    brownDataset('preposition', 'text-classification', prepositions, each, seed, (sentence) => {
      const places = sentence.words.flatMap((word, at) => {
        const isOne = prepositions.some((preposition) => preposition === word);
        return isOne && sentence.tags[at] === 'in' ? [at] : [];
      });
      // The rarest so far, so that no class rules.
      const [place] = places.sort(
        (a, b) => (counts.get(sentence.words[a] ?? '') ?? 0) - (counts.get(sentence.words[b] ?? '') ?? 0),
      );
      const label = sentence.words[place ?? -1];
      if (label === undefined) return null;
      counts.set(label, (counts.get(label) ?? 0) + 1);
      return { text: textOf(sentence.words.map((word, at) => (at === place ? '[MASK]' : word))), label };
    }),
  );
};

/**
 * How dense sentences are: the share of nouns, verbs, adjectives and adverbs among their words
 * (lexical density, J. Ure 1971), a number to be estimated.
 */
export function densityDataset(sizes: SplitSizes, seed: number): DemoDataset {
  return brownDataset('density', 'regression', [], sizes, seed, ({ words, tags }) => {
    const ofWords = tags.filter((tag) => /^[a-z]/.test(tag));
    const dense = ofWords.filter((tag) => /^(n|vb|j|rb)/.test(tag)).length;
    if (ofWords.length === 0) return null;
    return { text: textOf(words), label: Number((dense / ofWords.length).toFixed(4)) };
  });
}

/** What `contentsOf` finds in a sentence. */
export const contents = [
  'question',
  'negation',
  'number',
  'name',
  'quotation',
  'modal',
  'comparison',
  'passive',
  'past',
] as const;

/** Classes that one genre's annotators mark. */
const classesPerGenre = 5;

/**
 * What a sentence contains, several things at once. Every genre marks other classes, in an order of
 * its own, as data sets of emotions differ in their classes (paper, Section 4.1); those of no
 * domain mark all.
 */
export function contentsDatasets(sizes: SplitSizes, seed: number): ContentsData {
  const whole = brownDataset('contents', 'multi-label-classification', contents, sizes, seed, (sentence) => ({
    text: textOf(sentence.words),
    labels: contentsOf(sentence),
  }));
  return { whole, classesOf: new Map(brownDomains.map((domain, index) => [domain, classesOf(index)])) };
}

/** A multi-label data set with all classes, and those that each domain marks. */
export interface ContentsData {
  readonly whole: DemoDataset;
  readonly classesOf: ReadonlyMap<string, readonly string[]>;
}

function classesOf(index: number): readonly string[] {
  return Array.from(
    { length: classesPerGenre },
    (_, place) => contents[(2 * index + 2 * place) % contents.length] as string,
  );
}

/** The classes of {@link contents} that a sentence's words and tags show. */
export function contentsOf({ words, tags }: BrownSentence): string[] {
  const has = (pattern: RegExp): boolean => tags.some((tag) => pattern.test(tag));
  const shown: Readonly<Record<(typeof contents)[number], boolean>> = {
    question: words.includes('?'),
    negation: has(/\*/),
    number: has(/^[oc]d/),
    name: has(/^np/),
    quotation: words.includes('"'),
    modal: has(/^md/),
    comparison: has(/^(jjr|jjt|rbr|rbt)/),
    passive: tags.some(
      (tag, at) => tag.startsWith('be') && tags.slice(at + 1, at + 3).some((next) => next.startsWith('vbn')),
    ),
    past: has(/^(vbd|bed|hvd|dod)/),
  };
  return contents.filter((name) => shown[name]);
}

function tenseOf(tag: string): 'past' | 'present' | null {
  if (/^(vbd|bed|hvd|dod)/.test(tag)) return 'past';
  return /^(vbz|bez|ber|bem|hvz|doz)/.test(tag) ? 'present' : null;
}

function textOf(words: readonly string[]): string {
  return words.join(' ');
}

/** The rows of all domains together, in random order. Sizes are those of the whole. */
function joint(
  sizes: SplitSizes,
  seed: number,
  name: string,
  labels: readonly string[],
  make: (each: SplitSizes) => DemoDataset,
): JointRows {
  const share = (count: number): number => Math.ceil(count / brownDomains.length);
  const each = { train: share(sizes.train), dev: share(sizes.dev), test: share(sizes.test) };
  const { domains } = make(each);
  const random = createRandom(deriveSeed(seed, name, 'joint'));
  const rowsOf = (part: 'train' | 'dev' | 'test'): LabelledText[] =>
    shuffle(domains.flatMap((domain) => domain[part]) as LabelledText[], random).slice(0, sizes[part]);
  return { labels, train: rowsOf('train'), dev: rowsOf('dev'), test: rowsOf('test') };
}
