import { describe, expect, it } from 'vitest';
import {
  readSentimentExamples,
  sentimentDomains,
} from '../../../../../deploy/pretraining/corpora/sentiment.ts';

describe('readSentimentExamples', () => {
  it.each(sentimentDomains)('reads 500 positive and 500 negative sentences of %s', (domain) => {
    const examples = readSentimentExamples(domain);
    expect(examples.filter((example) => example.label === 'positive')).toHaveLength(500);
    expect(examples.filter((example) => example.label === 'negative')).toHaveLength(500);
  });
});
