import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from '../../../shared/zod.ts';
import { packageDirectory } from './package-directory.ts';

/** The places that the sentences come from, one domain each. */
export const sentimentDomains = ['amazon', 'imdb', 'yelp'] as const;

/** A place that sentences come from. */
export type SentimentDomain = (typeof sentimentDomains)[number];

/** A sentence of a review with its sentiment. */
export interface SentimentExample {
  readonly text: string;
  readonly label: 'negative' | 'positive';
}

/** Class 1 is positive; each file ends with an empty row of no class. */
const fileSchema = z.array(
  z.object({ text: z.string(), class: z.union([z.literal(0), z.literal(1), z.null()]) }),
);

/**
 * The labelled sentences of one domain (Kotzias et al., 2015), in the order of the file and with
 * its duplicates.
 *
 * @throws RegmeanError `not-found` when the package `sentiment` is not installed
 */
export function readSentimentExamples(domain: SentimentDomain): SentimentExample[] {
  const file = join(packageDirectory('sentiment', 'package.json'), 'test', 'fixtures', `${domain}.json`);
  return fileSchema
    .parse(JSON.parse(readFileSync(file, 'utf8')))
    .filter((row) => row.class !== null)
    .map((row) => ({ text: row.text.trim(), label: row.class === 1 ? 'positive' : 'negative' }));
}
