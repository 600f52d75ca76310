import { describe, expect, it } from 'vitest';
import { reduceTag } from '../../../../deploy/datasets/part-of-speech-tags.ts';
import { readBrownCorpus } from '../../../../deploy/pretraining/corpora/brown.ts';

describe('reduceTag', () => {
  it.each([
    ['nn-tl-hl', 'NOUN'],
    ['np$', 'NAME'],
    ['bedz*', 'VERB'],
    ['pps+bez', 'PRONOUN'],
    ['pp$$', 'PRONOUN'],
    ['in-tl', 'PREPOSITION'],
    ['*', 'PARTICLE'],
    ['*-hl', 'PARTICLE'],
    ['.-hl', 'PUNCTUATION'],
    ['---hl', 'PUNCTUATION'],
    ['--', 'PUNCTUATION'],
    ['fw-nn', 'OTHER'],
    ['wdt+bez', 'DETERMINER'],
  ])('reads %s as %s', (tag, reduced) => {
    expect(reduceTag(tag)).toBe(reduced);
  });

  it('leaves less than one word in two hundred to OTHER', () => {
    const tags = readBrownCorpus().flatMap((document) =>
      document.sentences.flatMap((sentence) => sentence.tags),
    );
    const others = tags.filter((tag) => reduceTag(tag) === 'OTHER').length;
    expect(others / tags.length).toBeLessThan(0.005);
  });
});
