import { describe, expect, it } from 'vitest';
import {
  detokenize,
  parseBrownDocument,
  readBrownCorpus,
} from '../../../../../deploy/pretraining/corpora/brown.ts';
import { brownDomains, brownUse } from '../../../../../deploy/pretraining/corpora/brown-use.ts';

describe('parseBrownDocument', () => {
  it('takes one sentence per line and splits at the last slash', () => {
    const document = parseBrownDocument('ca01', '\n\n\tThe/at and/or/cc 1/2/cd\n\nDog/NN-TL\n');
    expect(document).toEqual({
      id: 'ca01',
      genre: 'news',
      sentences: [
        { words: ['The', 'and/or', '1/2'], tags: ['at', 'cc', 'cd'] },
        { words: ['Dog'], tags: ['nn-tl'] },
      ],
    });
  });

  it('writes quotation marks plainly and keeps one of two marks at the end', () => {
    const [sentence] = parseBrownDocument('cr01', "``/`` Who/wps ?/. ?/. ''/''").sentences;
    expect(sentence?.words).toEqual(['"', 'Who', '?', '"']);
    expect(sentence?.tags).toEqual(['``', 'wps', '.', "''"]);
  });

  it('refuses a token without a tag', () => {
    expect(() => parseBrownDocument('ca01', 'The/at dog')).toThrow(
      'ca01: every token must be word/tag, got dog',
    );
  });

  it('refuses a name that gives no genre', () => {
    expect(() => parseBrownDocument('cz01', 'The/at')).toThrow(
      'parseBrownDocument: a name must give a genre, got cz01',
    );
  });
});

describe('detokenize', () => {
  it('leaves no blank inside quotation marks and brackets or before a stop', () => {
    const words = ['He', 'said', ',', '"', 'no', '(', 'not', 'yet', ')', '"', '.'];
    expect(detokenize(words)).toBe('He said, "no (not yet)".');
  });

  it('opens and closes single quotation marks in turn', () => {
    expect(detokenize(['a', "'", 'word', "'", 'here', '--', 'done', '!'])).toBe("a 'word' here -- done!");
  });
});

describe('readBrownCorpus', () => {
  it('reads all 500 documents of 15 genres', () => {
    const documents = readBrownCorpus();
    expect(documents).toHaveLength(500);
    expect(new Set(documents.map((document) => document.genre)).size).toBe(15);
    const words = documents.reduce((sum, d) => sum + d.sentences.reduce((n, s) => n + s.words.length, 0), 0);
    expect(words).toBeGreaterThan(1_100_000);
  });

  it('gives every domain at least 35,000 words that pretraining does not see', () => {
    const documents = readBrownCorpus().filter((document) => brownUse(document) === 'fine-tuning');
    for (const domain of brownDomains) {
      const words = documents
        .filter((document) => document.genre === domain)
        .reduce((sum, d) => sum + d.sentences.reduce((n, s) => n + s.words.length, 0), 0);
      expect(words, domain).toBeGreaterThan(35_000);
    }
  });
});
