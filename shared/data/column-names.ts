/**
 * @file What the columns of a data file are called, where the user says so. The one place that
 *   declares these options: flags of commands, keys of recipes and experiment files, and what the
 *   reader takes follow from this schema.
 */
import { z } from '../zod.ts';

const name = z.string().min(1, 'must be the name of a column');

/** The options that name columns; what is absent is found by its usual names. */
export const columnNamesSchema = z.object({
  textColumn: name.optional().describe('column of the text; alone, it is the only text that is read'),
  pairColumn: name.optional().describe('column of the second text of a pair'),
  labelColumn: name.optional().describe('column of the label, of text2text the target'),
  tokensColumn: name.optional().describe('token-classification: column of the list of words'),
  tagsColumn: name.optional().describe('token-classification: column of the list of tags'),
});

/** Columns by what they hold; see {@link columnNamesSchema}. */
export type ColumnNames = z.infer<typeof columnNamesSchema>;

/** The keys of {@link ColumnNames}, in the order that help lists them. */
export const columnKeys = Object.keys(columnNamesSchema.shape) as readonly (keyof ColumnNames)[];

/** How the columns of several data files are called: alike, but for files that say otherwise. */
export interface DataColumns extends ColumnNames {
  /** By path as it stands among the data files. */
  readonly ofFiles?: Readonly<Record<string, ColumnNames>> | undefined;
}

/** How the columns of one of the files are called. */
export function columnsOfFile(columns: DataColumns, file: string): ColumnNames {
  const { ofFiles = {}, ...common } = columns;
  return { ...common, ...ofFiles[file] };
}

/** The flag of a key: `--text-column` of `textColumn`. */
export function columnFlag(key: keyof ColumnNames): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** The column names among other options, without absent ones. */
export function columnNamesIn(options: ColumnNames): ColumnNames {
  return Object.fromEntries(
    columnKeys.flatMap((key) => (options[key] === undefined ? [] : [[key, options[key]]])),
  );
}

/**
 * The names that an agent's columns have: those that it gives itself, else those of the round's
 * recipe. An agent that names its text says by that whether there is a second one.
 */
export function withAdvice(own: ColumnNames = {}, advice?: ColumnNames | null): ColumnNames {
  const { pairColumn, ...others } = columnNamesIn(advice ?? {});
  const pair = pairColumn === undefined || own.textColumn !== undefined ? {} : { pairColumn };
  return { ...others, ...pair, ...columnNamesIn(own) };
}
