/**
 * @file The names that columns of public data sets have: those of Hugging Face's GLUE and SuperGLUE
 *   tasks and of sets like them.
 */
import { isLanguageTask, type TaskKind } from '../task.ts';

/** Columns of a single text, the first one present wins. */
export const textColumns = ['text', 'sentence', 'sentence1'] as const;

/** Columns of a pair of texts: the first and the second. The first pair present wins. */
const pairs = [
  ['text', 'text_pair'],
  ['sentence1', 'sentence2'], // MRPC, STS-B, RTE, WNLI, PAWS, AX-b
  ['question1', 'question2'], // QQP
  ['premise', 'hypothesis'], // MNLI, SNLI, XNLI, ANLI, CB, AX, AX-g
  ['question', 'sentence'], // QNLI
  ['text_a', 'text_b'],
  ['text1', 'text2'],
  ['sentence_a', 'sentence_b'],
  ['sentence_A', 'sentence_B'], // SICK
] as const;

/** Pairs of which a language model may have to write one from the other. */
const pairsOfClasses = [
  ['question', 'passage'], // BoolQ
  ['context', 'question'],
  ['query', 'passage'],
  ['query', 'document'],
  ['title', 'content'], // Amazon, DBpedia
] as const;

/** The pairs of columns that a task knows. */
export function pairColumnsOf(task: TaskKind): readonly (readonly [string, string])[] {
  return isLanguageTask(task) ? pairs : [...pairs, ...pairsOfClasses];
}

/** Columns of labels, the first one present wins. */
export const labelColumns: Readonly<Record<TaskKind, readonly string[]>> = {
  'text-classification': ['label', 'labels'],
  'multi-label-classification': ['labels', 'label'],
  regression: ['label', 'labels'],
  'token-classification': ['tags', 'ner_tags', 'labels'],
  text2text: ['target', 'label', 'labels'],
  'causal-lm': ['labels'],
  'masked-lm': [],
};

export const tokensColumn = 'tokens';
export const featuresColumn = 'features';

/** Columns of rows that were tokenized elsewhere. */
export const idColumns = ['input_ids', 'token_type_ids', 'attention_mask', 'decoder_input_ids'] as const;

const knownColumns = new Set<string>([
  ...textColumns,
  ...[...pairs, ...pairsOfClasses].flat(),
  ...Object.values(labelColumns).flat(),
  ...[tokensColumn, featuresColumn, ...idColumns],
]);

/** Whether rows of some task may be read from a column of this name. */
export function isKnownColumn(name: string): boolean {
  return knownColumns.has(name);
}

/** Names that nothing but a text has. */
const textNames = new Set<string>([
  ...textColumns,
  ...[...pairs, ...pairsOfClasses].flat(),
  ...['title', 'body', 'headline', 'paragraph', 'article', 'abstract', 'summary', 'claim', 'evidence'],
  ...['review', 'comment', 'post', 'tweet', 'utterance', 'dialogue', 'message', 'aspect', 'word', 'phrase'],
]);

/** Words that say of a column, wherever they stand in its name, that it is about the row. */
const wordsAboutRows = new Set(
  [
    'id ids idx index indices uid guid uuid hash key url uri link path file filename version license licence',
    'split fold date time timestamp year created updated lang language locale encoding parse tree meta metadata',
    'label labels tag tags class classes category categories score scores rating ratings stars polarity intent',
    'sentiment emotion emotions gold annotator annotators annotation annotations worker explanation rationale reason',
  ].flatMap((line) => line.split(' ')),
);

/** Words that say so as the last of a name: `data_source`, not `source_text`. */
const lastWordsAboutRows = new Set(
  'source sources origin domain genre dataset corpus topic type kind author user username name location'.split(
    ' ',
  ),
);

/** What the name of a column tells of it: a text, something about the row, or nothing. */
export function natureOfColumn(name: string): 'text' | 'about' | 'unknown' {
  if (textNames.has(name) || textNames.has(name.toLowerCase())) return 'text';
  const words = name
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}]+/u)
    .filter((word) => word !== '');
  const last = words.at(-1);
  const isAbout = words.some((word) => wordsAboutRows.has(word)) || lastWordsAboutRows.has(last ?? '');
  return isAbout ? 'about' : 'unknown';
}
