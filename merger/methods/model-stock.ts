/**
 * @file Model Stock: the average is drawn toward the base, the more so the less the agents' changes
 *   point the same way. For each parameter, with the mean cosine c between the changes of two of
 *   the n agents:
 *
 *     theta = theta_0 + t mean(tau_i),   t = n c / (1 + (n - 1) c)
 */
import { z } from '../../shared/zod.ts';
import { defineMethod } from './method.ts';
import { type TaskVectorSource, taskVectorSteps, weightedSum } from './task-vectors.ts';

/** Below, changes have no direction, and the ratio no meaning. */
const smallest = 1e-6;

export const modelStock = defineMethod({
  name: 'model-stock',
  title: 'Model Stock',
  description: 'averages are drawn toward the base where the agents’ changes point in different directions',
  paper: {
    citation: 'Jang et al., ECCV 2024',
    title: 'Model Stock: All we need is just a few fine-tuned models',
    link: 'https://arxiv.org/abs/2403.19522',
    where: 'equation 6',
  },
  options: z.object({}),
  needs: () => ['base'],
  settings: () => ({}),
  steps: (inputs) =>
    taskVectorSteps(inputs, {
      async begin(source) {
        const share = shareOfMean(await innerProducts(source));
        return (block) => weightedSum(block, share / source.count);
      },
    }),
});

/** t, of the inner products of all changes; 1 for a single one, 0 where it is not finite. */
function shareOfMean(products: readonly (readonly number[])[]): number {
  const count = products.length;
  const of = (i: number, j: number): number => products[i]?.[j] ?? 0;
  const cosines = products.flatMap((_, i) =>
    Array.from({ length: i }, (__, j) => {
      const norms = Math.sqrt(of(i, i)) * Math.sqrt(of(j, j));
      return Math.max(-1, Math.min(1, of(i, j) / Math.max(norms, smallest)));
    }),
  );
  if (cosines.length === 0) return 1;
  const mean = cosines.reduce((sum, value) => sum + value, 0) / cosines.length;
  const divisor = 1 + (count - 1) * mean;
  return Math.abs(divisor) < smallest ? 0 : (count * mean) / divisor;
}

/** tau_i . tau_j for j <= i. */
async function innerProducts({ count, eachBlock }: TaskVectorSource): Promise<number[][]> {
  const products = Array.from({ length: count }, (_, i) => new Array<number>(i + 1).fill(0));
  await eachBlock((vectors) => {
    for (const [i, row] of products.entries()) {
      for (const j of row.keys()) row[j] = (row[j] as number) + dot(vectors[i], vectors[j]);
    }
  });
  return products;
}

function dot(left: Float32Array = new Float32Array(), right: Float32Array = new Float32Array()): number {
  let sum = 0;
  for (let i = 0; i < left.length; i++) sum += (left[i] as number) * (right[i] as number);
  return sum;
}
