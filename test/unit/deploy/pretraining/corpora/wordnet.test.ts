import { describe, expect, it } from 'vitest';
import { parseWordNetLine } from '../../../../../deploy/pretraining/corpora/wordnet.ts';

describe('parseWordNetLine', () => {
  it('writes an entry as word, definition and examples', () => {
    const line =
      '00339941 30 v 02 crush 0 break_up 1 001 @ 00258857 v 0000 01 + 08 00 | break into pieces; "Crush it"  ';
    expect(parseWordNetLine(line)).toBe('crush: break into pieces; Crush it.');
  });

  it('drops the syntactic marker of an adjective and the underscores', () => {
    const line = '00028471 00 a 01 up_to_date(p) 0 001 ! 00028927 a 0101 | (informal) current  ';
    expect(parseWordNetLine(line)).toBe('up to date: (informal) current.');
  });

  it('leaves out the licence and nouns without an example', () => {
    expect(parseWordNetLine('  1 This software and database is being provided to you')).toBeUndefined();
    expect(
      parseWordNetLine('00005930 03 n 01 dwarf 0 001 @ 00004475 n 0000 | a small plant  '),
    ).toBeUndefined();
  });
});
