import type { BrownSentence } from '../pretraining/corpora/brown.ts';

/**
 * The reduced tag set, with the tags of the Brown corpus that each stands for. Suffixes (`-tl`
 * title, `-hl` headline, `-nc` cited word), the possessive `$` and the negation `*` are taken off
 * first; a contraction counts as its first part (`pps+bez` as `pps`); foreign words (`fw-`) are
 * OTHER, and so is every tag that is not in this table.
 */
export const partOfSpeechTable: Readonly<Record<string, readonly string[]>> = {
  NOUN: ['nn', 'nns', 'nr', 'nrs'],
  NAME: ['np', 'nps'],
  VERB: [
    ...['vb', 'vbd', 'vbg', 'vbn', 'vbz', 'md', 'be', 'bed', 'bedz', 'beg', 'bem', 'ben', 'ber', 'bez'],
    ...['do', 'dod', 'doz', 'hv', 'hvd', 'hvg', 'hvn', 'hvz'],
  ],
  ADJECTIVE: ['jj', 'jjr', 'jjs', 'jjt'],
  ADVERB: ['rb', 'rbr', 'rbt', 'rn', 'ql', 'qlp', 'wrb', 'wql'],
  PRONOUN: ['pn', 'pp', 'ppl', 'ppls', 'ppo', 'pps', 'ppss', 'wp', 'wps', 'wpo', 'ex'],
  DETERMINER: ['at', 'ap', 'abl', 'abn', 'abx', 'dt', 'dti', 'dts', 'dtx', 'wdt'],
  PREPOSITION: ['in'],
  CONJUNCTION: ['cc', 'cs'],
  NUMBER: ['cd', 'od'],
  PARTICLE: ['rp', 'to', '*'],
  PUNCTUATION: ['.', ',', ':', '(', ')', '--', '``', "''", "'"],
  OTHER: ['uh', 'nil'],
};

const reducedTagOf = new Map(
  Object.entries(partOfSpeechTable).flatMap(([reduced, tags]) => tags.map((tag) => [tag, reduced])),
);

/** The reduced part-of-speech tag of every word of a sentence. */
export function partOfSpeechTags(sentence: BrownSentence): string[] {
  return sentence.tags.map(reduceTag);
}

/** The reduced tag of one tag of the Brown corpus. */
export function reduceTag(tag: string): string {
  const plain = tag.replace(/(-(tl|hl|nc))+$/, '').replace(/\+.*$/, '');
  const base = plain.length > 1 ? plain.replace(/[$*]+$/, '') : plain;
  return reducedTagOf.get(base) ?? 'OTHER';
}
