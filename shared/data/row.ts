import type { RegmeanError } from '../errors.ts';

/**
 * Where a row comes from: the file as the user named it and the 1-based line (Parquet: the 1-based
 * row).
 */
export interface RowSource {
  readonly file: string;
  readonly row: number;
}

/**
 * A label as it stands in the file: a class name, a class index or a regression value; a list for
 * multi-label and token classification; a text or its token ids for language tasks; `null` where
 * the row is unlabelled or labels were not asked for.
 */
export type RawLabel = string | number | readonly (string | number)[] | null;

/** What a model reads from one row. */
export type RowInput =
  | { readonly kind: 'text'; readonly text: string; readonly textPair: string | null }
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'features'; readonly features: readonly number[] }
  | {
      readonly kind: 'ids';
      readonly inputIds: readonly number[];
      readonly tokenTypeIds: readonly number[] | null;
      readonly attentionMask: readonly number[] | null;
      /** For `text2text`: what the decoder reads, instead of the label's tokens moved by one. */
      readonly decoderInputIds?: readonly number[];
    };

/** One row of a data file, checked for types and lengths, before tokenization. */
export interface Row {
  readonly source: RowSource;
  readonly input: RowInput;
  readonly label: RawLabel;
}

/** A record of a data file: column names and values as the format gives them. */
export interface FileRecord {
  /** 1-based line of the file, or 1-based row for Parquet. */
  readonly row: number;
  readonly values: Readonly<Record<string, unknown>>;
}

/** What a format reader needs from its caller. */
export interface ReaderContext {
  /** Takes note of a bad row; the reader goes on with the next one. */
  reject(row: number, problem: string): void;
  /**
   * The error for a set of columns that cannot serve the task, or null. Asked once by formats with
   * a header.
   */
  checkColumns(columns: readonly string[]): RegmeanError | null;
  /** Those of a file's columns that its rows are read from, for formats that store them apart. */
  neededColumns(columns: readonly string[]): readonly string[];
  /**
   * Whether a column that is not needed should be read where it can be: rows without a value in
   * another may have theirs there, and a text must not be left out unsaid.
   */
  isOfUse(column: string, isText: boolean): boolean;
  /** Is shown the file's bytes in order, by formats that read them so. */
  onBytes?(bytes: Uint8Array): void;
}

/** Reads the records of one file in order, without holding the file in memory. */
export type FormatReader = (path: string, context: ReaderContext) => AsyncGenerator<FileRecord>;
