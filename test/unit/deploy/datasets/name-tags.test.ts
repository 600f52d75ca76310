import { describe, expect, it } from 'vitest';
import { nameTags } from '../../../../deploy/datasets/name-tags.ts';
import { parseBrownDocument } from '../../../../deploy/pretraining/corpora/brown.ts';

function tagged(text: string): string {
  const [sentence] = parseBrownDocument('ca01', text).sentences;
  if (sentence === undefined) throw new Error('no sentence');
  return nameTags(sentence).join(' ');
}

describe('nameTags', () => {
  it('marks a run of proper nouns as one name', () => {
    expect(tagged('Mr./np Ivan/np Allen/np Jr./np spoke/vbd ./.')).toBe('B-NAME I-NAME I-NAME I-NAME O O');
  });

  it('marks a run of title words as one title, proper nouns in it included', () => {
    expect(tagged('the/at City/nn-tl of/in-tl Atlanta/np-tl is/bez')).toBe('O B-TITLE I-TITLE I-TITLE O');
  });

  it('parts a title from the name that follows it', () => {
    expect(tagged('Judge/nn-tl Durwood/np Pye/np')).toBe('B-TITLE B-NAME I-NAME');
    expect(tagged('Durwood/np Judge/nn-tl')).toBe('B-NAME B-TITLE');
  });

  it('calls a title of proper nouns only a name', () => {
    expect(tagged('New/np-tl York/np-tl')).toBe('B-NAME I-NAME');
  });

  it('takes possessives, plurals and contractions as names, and no other tag that begins alike', () => {
    expect(tagged("Georgia's/np$ Adamses/nps Jack's/np+bez in/in Dog/nn")).toBe('B-NAME I-NAME I-NAME O O');
  });

  it('takes headlines like running text', () => {
    expect(tagged('Senate/nn-tl-hl votes/vbz-hl')).toBe('B-TITLE O');
  });
});
