/**
 * @file The graph that collects output Grams: the backward pass of sum(logits * cotangent) down to
 *   the outputs of every linear layer, and panels of G^T G, where G [rows, outputs] has a row for
 *   each token: the Kronecker factor of the outputs (Martens and Grosse: "Optimizing Neural
 *   Networks with Kronecker-factored Approximate Curvature", https://arxiv.org/abs/1503.05671,
 *   section 3).
 */
import { hasOutputGram } from '../../shared/contribution/output-grams.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { gradients } from '../../shared/graph/gradients.ts';
import * as ops from '../../shared/graph/ops/index.ts';
import { flatRows } from '../../shared/models/layer-rows.ts';
import { findLinearLayers, type LinearLayer } from '../../shared/models/linear-layers.ts';
import { buildModelGraph, type ModelIdentity } from '../../shared/models/model-graph.ts';
import type { Compute } from '../../shared/runtime/compute.ts';
import { createSession, type RunTensor } from '../../shared/runtime/session.ts';
import type { CotangentPass } from './fisher-walk.ts';
import { batchesPerDrain, createGramAccumulator } from './gram-accumulator.ts';
import { gramPanels } from './gram-panels.ts';
import type { PositionRowsChoice } from './statistics-options.ts';

/** Sums G^T G. */
export interface OutputGramPass extends CotangentPass {
  /** The layers that have one. */
  readonly layers: readonly LinearLayer[];
  /** Layers with a Gram of their inputs alone. */
  readonly leftOut: readonly LinearLayer[];
  /** A layer's sum so far, the packed upper triangle. */
  packed(layer: LinearLayer): Float32Array;
}

/**
 * Builds the pass for a model, dropout off. A layer that is used several times has the rows of all
 * the uses that its Gram counts.
 *
 * @throws RegmeanError `unsupported` for a model without linear layers, or with an op on the way
 *   that has no gradient
 */
export async function createOutputGramPass(
  model: ModelIdentity,
  parameters: ReadonlyMap<string, RunTensor>,
  compute: Compute,
  positionRows: PositionRowsChoice = 'excluded',
): Promise<OutputGramPass> {
  const built = buildModelGraph(model, { withLoss: false, dropoutSeed: null });
  const { graph, logits } = built;
  const classes = Number(logits.shape.at(-1));
  const cotangentInput = graph.input('cotangent', 'float32', logits.shape);
  const described = findLinearLayers(built, positionRows).groups.flatMap((group) =>
    group.layers.map((layer) => ({ layer, outputs: group.outputs.get(layer.weight) ?? [] })),
  );
  const chosen = described.filter(({ layer }) => hasOutputGram(layer, model.task));
  if (chosen.length === 0) {
    throw new RegmeanError('unsupported', 'output Grams: the network must have linear layers, has none');
  }
  const targets = chosen.flatMap(({ outputs }) => outputs);
  const found = gradients(ops.sumAll(ops.mul(logits, cotangentInput)), targets);
  const gradientOf = new Map(targets.map((target, index) => [target, found[index]]));
  const panels = gramPanels(graph);
  for (const { layer, outputs } of chosen) {
    const uses = outputs.flatMap((output) => gradientOf.get(output) ?? []);
    panels.add(layer.module, layer.outputs, uses.map(flatRows));
  }
  const session = await createSession(graph, compute);
  const accumulator = createGramAccumulator(panels.panels);
  let undrained = 0;
  return {
    layers: chosen.map(({ layer }) => layer),
    leftOut: described.flatMap(({ layer }) => (hasOutputGram(layer, model.task) ? [] : [layer])),
    async add(feeds, cotangent) {
      const rows = [cotangent.length / classes, classes];
      const all = new Map<string, RunTensor>([
        ...parameters,
        ...feeds,
        ...panels.feeds,
        ['cotangent', { shape: rows, data: cotangent }],
      ]);
      await session.run(all, panels.into);
      undrained++;
      if (undrained < batchesPerDrain) return;
      accumulator.drain();
      undrained = 0;
    },
    packed({ module }) {
      accumulator.drain();
      undrained = 0;
      return accumulator.packed(module);
    },
    dispose: () => session.dispose(),
  };
}
