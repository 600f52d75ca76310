/** @file Dropout. Graphs for inference are built without it. */
import { RegmeanError } from '../../errors.ts';
import { deriveSeed } from '../../random.ts';
import type { Op, Value } from '../graph.ts';
import { cotangentOf, inputOf, outputOf, required } from './checks.ts';
import { mulScalar, where } from './elementwise.ts';

const dropoutOp: Op<{ readonly probability: number }> = {
  type: 'Dropout',
  infer: (inputs) => {
    const x = required('Dropout', inputs, 0);
    return [
      { dtype: x.dtype, shape: x.shape },
      { dtype: 'bool', shape: x.shape },
    ];
  },
  vjp: ({ node, cotangents }) => {
    const scaled = mulScalar(cotangentOf(cotangents), 1 / (1 - node.params.probability));
    const zero = scaled.graph.scalar(0, inputOf(node, 0).dtype);
    return [where(outputOf(node, 1), scaled, zero), null, null];
  },
};

/**
 * Sets elements to zero with a probability and scales the others by 1 / (1 - probability). The
 * random stream of each node follows from `seed` and the node's position, and advances with every
 * run of a session.
 *
 * @throws when the probability is not in [0, 1)
 */
export function dropout(x: Value, probability: number, seed: number): Value {
  if (!(probability >= 0 && probability < 1)) {
    throw new RegmeanError('invalid-input', `dropout: probability must be in [0, 1), got ${probability}`);
  }
  if (probability === 0) return x;
  const graph = x.graph;
  const nodeSeed = deriveSeed(seed, graph.nodes.length) & 0x7fffffff;
  const ratio = graph.scalar(probability);
  const trainingMode = graph.constant(Uint8Array.of(1), []);
  const inputs = [x, ratio, trainingMode];
  return graph.apply1(dropoutOp, inputs, { seed: BigInt(nodeSeed) }, { probability });
}
