import type { Table } from './table.ts';

/** A part of a report. Sentences are plain text; charts are SVGs, which Markdown leaves out. */
export interface Section {
  readonly title: string;
  readonly sentences: readonly string[];
  readonly tables: readonly Table[];
  readonly charts: readonly { readonly caption: string; readonly svg: string }[];
}
