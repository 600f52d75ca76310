import { createRandom, deriveSeed, shuffle } from '../../shared/random.ts';
import {
  readSentimentExamples,
  type SentimentExample,
  sentimentDomains,
} from '../pretraining/corpora/sentiment.ts';
import { comparableText } from '../pretraining/reserved-text.ts';
import { type DemoDataset, type SplitSizes, splitRows } from './dataset.ts';

/**
 * Positive or negative sentences of reviews: products (amazon), films (imdb), restaurants (yelp).
 */
export function sentimentDataset(sizes: SplitSizes, seed: number): DemoDataset {
  const seen = new Set<string>();
  const isNew = ({ text }: SentimentExample): boolean => {
    const comparable = comparableText(text);
    return !seen.has(comparable) && seen.add(comparable) !== undefined;
  };
  const domains = sentimentDomains.map((domain) => {
    const rows = readSentimentExamples(domain).filter(isNew);
    return splitRows(domain, shuffle(rows, createRandom(deriveSeed(seed, 'sentiment', domain))), sizes);
  });
  return { task: 'text-classification', labels: ['negative', 'positive'], domains, outOfDomain: [] };
}
