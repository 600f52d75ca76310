import { beforeAll, describe, expect, it } from 'vitest';
import { detokenize, readBrownCorpus } from '../../../../deploy/pretraining/corpora/brown.ts';
import { brownUse } from '../../../../deploy/pretraining/corpora/brown-use.ts';
import {
  type PretrainingTexts,
  pretrainingTexts,
  reservedTexts,
} from '../../../../deploy/pretraining/corpus.ts';
import { countWords } from '../../../../deploy/pretraining/pack.ts';
import { comparableText } from '../../../../deploy/pretraining/reserved-text.ts';

let texts: PretrainingTexts;

beforeAll(() => {
  texts = pretrainingTexts();
});

const partsOf = (sequences: string[]): string[] => sequences.flatMap((sequence) => sequence.split(' [SEP] '));

describe('pretrainingTexts', () => {
  it('gives more than three million words, two percent of them held out', () => {
    const words = (sequences: string[]): number => sequences.reduce((sum, text) => sum + countWords(text), 0);
    expect(words(texts.train)).toBeGreaterThan(3_000_000);
    expect(words(texts.heldOut) / words(texts.train)).toBeCloseTo(0.02, 2);
  });

  it('shares no sentence with fine-tuning and test data', () => {
    const reserved = new Set(reservedTexts().map(comparableText));
    const shared = partsOf([...texts.train, ...texts.heldOut]).filter((text) =>
      reserved.has(comparableText(text)),
    );
    expect(shared).toEqual([]);
  });

  it('holds no running text of a reserved document', () => {
    const pretrained = texts.train.join('\n');
    for (const document of readBrownCorpus().filter((candidate) => brownUse(candidate) !== 'pretraining')) {
      const long = document.sentences.map((s) => detokenize(s.words)).filter((text) => countWords(text) > 12);
      expect(pretrained.includes(long[0] ?? ''), document.id).toBe(false);
    }
  });

  it('holds no text out that is also trained on', () => {
    const trained = new Set(partsOf(texts.train).map(comparableText));
    const shared = partsOf(texts.heldOut).filter((text) => trained.has(comparableText(text)));
    expect(shared).toEqual([]);
  });

  it('is the same every time', () => {
    expect(pretrainingTexts().train.slice(0, 100)).toEqual(texts.train.slice(0, 100));
  });
});
