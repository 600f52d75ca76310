/**
 * @file Columns of text that nothing reads. A model that is trained without the question of its
 *   passages is wrong without a word, so such a column is refused until the user says what is read.
 */
import { RegmeanError } from '../errors.ts';
import { type ChosenColumns, inputColumnsIn } from './choose-columns.ts';
import { type ColumnNames, columnFlag } from './column-names.ts';
import { natureOfColumn } from './known-columns.ts';
import type { FileRecord } from './row.ts';
import { show } from './row-problems.ts';

/** Watches the columns that the rows of a file are not read from. */
export interface TextWatch {
  add(record: FileRecord, chosen: ChosenColumns): void;
  /** The error for a column of text that was left out, or null. */
  overlooked(): RegmeanError | null;
}

interface Seen {
  values: number;
  texts: number;
  /** The first value, and the columns that were read beside it. */
  readonly first: string;
  readonly row: number;
  readonly read: readonly string[];
  readonly task: 'text' | 'words';
}

/**
 * Begins to watch a file.
 *
 * A column is a text when its name says so (that of a pair, `title`, `body`), or when more than
 * half of its values are three words or more and its name does not say that it is about the row
 * (`id`, `source`, `label_text`). A column that holds the words of a row as one string is none; nor
 * is any where rows are `input_ids` or numbers, or where the user names the column of the text.
 */
export function watchForText(file: string, names: ColumnNames): TextWatch {
  const natures = new Map<string, ReturnType<typeof natureOfColumn>>();
  const natureOf = (column: string): ReturnType<typeof natureOfColumn> => {
    const nature = natures.get(column) ?? natureOfColumn(column);
    natures.set(column, nature);
    return nature;
  };
  const seen = new Map<string, Seen>();
  const isSaid = names.textColumn !== undefined || names.tokensColumn !== undefined;

  return {
    add({ row, values }, { input, label }) {
      if (isSaid || input.kind === 'ids' || input.kind === 'features') return;
      const read = inputColumnsIn(input);
      for (const [column, value] of Object.entries(values)) {
        if (typeof value !== 'string' || value.trim() === '' || column === label || read.includes(column))
          continue;
        if (column === names.labelColumn || natureOf(column) === 'about') continue;
        if (input.kind === 'words' && holdsWords(value, values[input.tokens])) continue;
        const own = seen.get(column) ?? { values: 0, texts: 0, first: value, row, read, task: input.kind };
        own.values++;
        if (readsLikeText(value)) own.texts++;
        seen.set(column, own);
      }
    },
    overlooked() {
      for (const [column, { values, texts, first, row, read, task }] of seen) {
        if (natureOf(column) !== 'text' && texts * 2 <= values) continue;
        return new RegmeanError(
          'invalid-input',
          `${file}, row ${row}: column "${column}" must not be left out unsaid, it holds text ` +
            `(${show(first)}) beside ${read.map((name) => `"${name}"`).join(' and ')}`,
          { hint: task === 'words' ? wordsHint(read) : textHint(column, read) },
        );
      }
      return null;
    },
  };
}

function textHint(column: string, read: readonly string[]): string {
  const [text = '', pair] = read;
  const [textFlag, pairFlag, labelFlag] = (['textColumn', 'pairColumn', 'labelColumn'] as const).map(
    columnFlag,
  );
  const now = `${textFlag} ${text}${pair === undefined ? '' : ` ${pairFlag} ${pair}`}`;
  return (
    `say which columns are read: ${now} leaves it out, ${textFlag} ${text} ${pairFlag} ${column} reads it, ` +
    `${labelFlag} ${column} makes it the label`
  );
}

function wordsHint([tokens = '']: readonly string[]): string {
  const [tokensFlag, tagsFlag] = (['tokensColumn', 'tagsColumn'] as const).map(columnFlag);
  return `say which columns are read, with ${tokensFlag} and ${tagsFlag}: ${tokensFlag} ${tokens} leaves it out`;
}

/** Whether a text is the words of its row, and so no second text. */
function holdsWords(text: string, words: unknown): boolean {
  return Array.isArray(words) && words.every((word) => typeof word === 'string' && text.includes(word));
}

const scriptsWithoutSpaces =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/gu;
const leastWords = 3;
const leastLetters = 10;

/** Whether a value is a sentence rather than a name, a number, a date, an address or JSON. */
function readsLikeText(value: string): boolean {
  if (/^\s*[[{]/.test(value)) return false;
  const start = value.slice(0, 400);
  const words = start.split(/\s+/).filter((piece) => /\p{L}/u.test(piece) && !piece.includes('://'));
  return words.length >= leastWords || (start.match(scriptsWithoutSpaces)?.length ?? 0) >= leastLetters;
}
