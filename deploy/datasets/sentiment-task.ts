import { createRandom, deriveSeed, shuffle } from '../../shared/random.ts';
import type { JointTask } from './brown-sentences.ts';
import type { LabelledText } from './dataset.ts';
import { sentimentDataset } from './sentiment.ts';

/** Whether a review sentence is positive or negative; of three kinds of reviews together. */
export const sentimentTask: JointTask = (sizes, seed) => {
  const share = (count: number): number => Math.ceil(count / 3);
  const { labels, domains } = sentimentDataset(
    { train: share(sizes.train), dev: share(sizes.dev), test: share(sizes.test) },
    seed,
  );
  const random = createRandom(deriveSeed(seed, 'sentiment', 'joint'));
  const rowsOf = (part: 'train' | 'dev' | 'test'): LabelledText[] =>
    shuffle(domains.flatMap((domain) => domain[part]) as LabelledText[], random);
  return { labels, train: rowsOf('train'), dev: rowsOf('dev'), test: rowsOf('test') };
};
