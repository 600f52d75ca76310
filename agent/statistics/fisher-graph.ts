/**
 * @file The graph that adds squared gradients: the backward pass of sum(logits * cotangent), each
 *   parameter's gradient squared and added to the sum so far, in place.
 */
import { gradients } from '../../shared/graph/gradients.ts';
import * as ops from '../../shared/graph/ops/index.ts';
import { buildModelGraph, type ModelIdentity } from '../../shared/models/model-graph.ts';
import type { Compute } from '../../shared/runtime/compute.ts';
import { createSession, type RunTensor } from '../../shared/runtime/session.ts';
import type { CotangentPass } from './fisher-walk.ts';

/** Adds squared gradients. */
export interface FisherPass extends CotangentPass {
  /** Parameter name -> the sum of squared gradients so far, of the parameter's shape. */
  readonly sums: ReadonlyMap<string, RunTensor<Float32Array>>;
}

/**
 * Builds the pass for a model, dropout off. Sums are float32: of n terms, none negative, they are
 * off by at most n 6e-8.
 */
export async function createFisherPass(
  model: ModelIdentity,
  parameters: ReadonlyMap<string, RunTensor>,
  compute: Compute,
): Promise<FisherPass> {
  const built = buildModelGraph(model, { withLoss: false, dropoutSeed: null });
  const { graph, logits } = built;
  const outputs = Number(logits.shape.at(-1));
  const cotangentInput = graph.input('cotangent', 'float32', logits.shape);
  const declared = [...built.parameters];
  const targets = declared.map(([, { value }]) => value);
  const sums = new Map<string, RunTensor<Float32Array>>();
  const feedsOfSums = new Map<string, RunTensor>();
  const into = new Map<string, RunTensor>();
  for (const [index, gradient] of gradients(ops.sumAll(ops.mul(logits, cotangentInput)), targets).entries()) {
    const [name, { value }] = declared[index] as (typeof declared)[number];
    const shape = value.shape.map(Number);
    const sum: RunTensor<Float32Array> = {
      shape,
      data: new Float32Array(shape.reduce((a, b) => a * b, 1)),
    };
    const before = graph.input(`fisher of ${name} before`, 'float32', shape);
    graph.output(`fisher of ${name}`, ops.add(before, ops.mul(gradient, gradient)));
    sums.set(name, sum);
    feedsOfSums.set(before.name, sum);
    // Element by element, so that the sum may be written over itself.
    into.set(`fisher of ${name}`, sum);
  }
  const session = await createSession(graph, compute);
  return {
    sums,
    async add(feeds, cotangent) {
      const rows = [cotangent.length / outputs, outputs];
      await session.run(
        new Map<string, RunTensor>([
          ...parameters,
          ...feeds,
          ...feedsOfSums,
          ['cotangent', { shape: rows, data: cotangent }],
        ]),
        into,
      );
    },
    dispose: () => session.dispose(),
  };
}
