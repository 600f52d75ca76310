import type { Recipe } from '../../merger/recipe/recipe.ts';
import type { SplitSizes } from '../datasets/dataset.ts';
import type { DemoDatasetName } from '../datasets/datasets.ts';

/** How much data the demo takes, and how its agents train. */
export interface DemoPlan {
  readonly sizes: SplitSizes;
  readonly training: Pick<Recipe['training'], 'epochs' | 'batchSize' | 'learningRate' | 'maxLength'>;
  /** Name of the measure in the report. */
  readonly measure: string;
}

/** Plans that take a few minutes on two cores. */
export const demoPlans: Readonly<Record<DemoDatasetName, DemoPlan>> = {
  sentiment: {
    sizes: { train: 600, dev: 100, test: 300 },
    training: { epochs: 6, batchSize: 16, learningRate: 2e-4, maxLength: 96 },
    measure: 'accuracy',
  },
  names: {
    sizes: { train: 400, dev: 100, test: 150 },
    training: { epochs: 3, batchSize: 16, learningRate: 5e-4, maxLength: 128 },
    measure: 'span F1',
  },
  'part-of-speech': {
    sizes: { train: 900, dev: 100, test: 400 },
    training: { epochs: 3, batchSize: 16, learningRate: 3e-4, maxLength: 128 },
    measure: 'accuracy per word',
  },
};
