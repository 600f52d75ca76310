import { join } from 'node:path';
import { RegmeanError } from '../../shared/errors.ts';
import type { TaskKind } from '../../shared/task.ts';
import { writeRows } from './write-rows.ts';

/** A text, or a pair of texts, with its class. */
export interface LabelledText {
  readonly text: string;
  readonly text_pair?: string;
  readonly label: string;
}

/** A row as it is written to a JSON Lines file. */
export type DatasetRow =
  | LabelledText
  | { readonly text: string; readonly labels: readonly string[] }
  | { readonly text: string; readonly label: number }
  | { readonly tokens: readonly string[]; readonly tags: readonly string[] };

/** How many rows each part of a domain has; `train` is the most, a small domain may have fewer. */
export interface SplitSizes {
  readonly train: number;
  readonly dev: number;
  readonly test: number;
}

/** One agent's private data. No row is in two parts, or in two domains. */
export interface DomainData {
  readonly domain: string;
  readonly train: readonly DatasetRow[];
  readonly dev: readonly DatasetRow[];
  readonly test: readonly DatasetRow[];
}

/** Data of one task: domains to fine-tune on, and test sets of domains that no model has seen. */
export interface DemoDataset {
  readonly task: TaskKind;
  readonly labels: readonly string[];
  readonly domains: readonly DomainData[];
  readonly outOfDomain: readonly Omit<DomainData, 'train'>[];
}

/**
 * The parts of a domain's rows: the first for the test, the next for development, up to
 * `sizes.train` for training.
 */
export function splitRows(domain: string, rows: readonly DatasetRow[], sizes: SplitSizes): DomainData {
  const spoken = sizes.test + sizes.dev;
  if (rows.length <= spoken) {
    throw new RegmeanError(
      'usage',
      `splitRows: test and dev must leave rows for training, got ${spoken} (${domain} has ${rows.length} rows)`,
    );
  }
  return {
    domain,
    test: rows.slice(0, sizes.test),
    dev: rows.slice(sizes.test, spoken),
    train: rows.slice(spoken, spoken + sizes.train),
  };
}

/**
 * Writes `train.jsonl`, `dev.jsonl` and `test.jsonl` in a folder per domain, and `test.jsonl` in a
 * folder per out-of-domain test set.
 *
 * @param directory made when it does not exist
 */
export async function writeDataset(dataset: DemoDataset, directory: string): Promise<void> {
  for (const { domain, train, dev, test } of dataset.domains) {
    await writeParts(join(directory, domain), { train, dev, test });
  }
  for (const { domain, test } of dataset.outOfDomain) await writeParts(join(directory, domain), { test });
}

async function writeParts(directory: string, parts: Record<string, readonly DatasetRow[]>): Promise<void> {
  for (const [part, rows] of Object.entries(parts)) await writeRows(directory, part, rows);
}
