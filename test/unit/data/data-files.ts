import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RawLabel, Row } from '../../../shared/data/row.ts';

/** A temporary file with the given name and content. */
export async function dataFile(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), 'regmean-data-')), name);
  await writeFile(path, content);
  return path;
}

/** Rows of text with the given labels, in a file called rows.jsonl. */
export function labelledRows(labels: readonly RawLabel[]): Row[] {
  return labels.map((label, index) => ({
    source: { file: 'rows.jsonl', row: index + 1 },
    input: { kind: 'text', text: `text ${index}`, textPair: null },
    label,
  }));
}
