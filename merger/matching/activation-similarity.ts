/** @file Matching by activations (Ainsworth et al.: "Git Re-Basin", 2022; paper, Appendix D). */
import { batchesOf } from '../../shared/examples/batches-of.ts';
import type { EncodedExample } from '../../shared/examples/example.ts';
import { inputFeeds } from '../../shared/examples/feeds.ts';
import { lengthsOf, planEvaluationBatches } from '../../shared/examples/plan-batches.ts';
import type { Gemm } from '../../shared/linalg/gemm.ts';
import { type Matrix, stackRows, zeros } from '../../shared/linalg/matrix.ts';
import type { Model } from '../../shared/models/model-folder.ts';
import { buildModelGraph } from '../../shared/models/model-graph.ts';
import { findStackedLayers } from '../../shared/models/stacked-layers.ts';
import type { Compute } from '../../shared/runtime/compute.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import { createSession } from '../../shared/runtime/session.ts';

const batchSize = 16;

/**
 * C = Z_left^T Z_right of every pair of stacked layers, Z the activations of its neurons over the
 * same texts, a row per token (padding left out) or per sequence.
 *
 * @returns first module of a pair -> [neurons, neurons]
 */
export async function activationSimilarities(
  gemm: Gemm,
  left: Model,
  right: Model,
  examples: readonly EncodedExample[],
  context: RunContext,
): Promise<ReadonlyMap<string, Matrix>> {
  const [ofLeft, ofRight] = [
    await activationsOf(left, context.compute),
    await activationsOf(right, context.compute),
  ];
  const similarities = new Map<string, Matrix>();
  const plan = planEvaluationBatches(lengthsOf(examples), batchSize);
  const pass = { name: 'comparing activations', plan, task: left.task, inputs: left.config.inputs };
  try {
    for await (const batch of batchesOf(examples, pass, context)) {
      const feeds = inputFeeds(batch);
      const mask = batch.attentionMask;
      const [zLeft, zRight] = [await ofLeft.run(feeds, mask), await ofRight.run(feeds, mask)];
      for (const [module, z] of zLeft) {
        const other = zRight.get(module) as Matrix;
        const sum = similarities.get(module) ?? zeros(z.columns, other.columns);
        await gemm.accumulate(z, other, sum, { transA: true });
        similarities.set(module, sum);
      }
    }
  } finally {
    await ofLeft.dispose();
    await ofRight.dispose();
  }
  return similarities;
}

type Feeds = Parameters<Awaited<ReturnType<typeof createSession>>['run']>[0];

/** A session that gives the activations of stacked layers, rows of padding left out. */
async function activationsOf(model: Model, compute: Compute) {
  const built = buildModelGraph(model, { withLoss: false, dropoutSeed: null });
  const layers = findStackedLayers(built);
  const resultsOf = new Map(
    layers.map(({ first: { module }, activations }) => [
      module,
      activations.map((value, use) => {
        const result = `activations of ${module}, use ${use}`;
        built.graph.output(result, value);
        return result;
      }),
    ]),
  );
  const session = await createSession(built.graph, compute);
  return {
    async run(feeds: Feeds, mask: Int32Array): Promise<ReadonlyMap<string, Matrix>> {
      const outputs = await session.run(new Map([...model.weights, ...feeds]));
      return new Map(
        [...resultsOf].map(([module, results]) => {
          const uses = results.map((result) => {
            const { data, shape } = outputs.get(result) ?? { data: new Float32Array(), shape: [] };
            return rowsOf(data as Float32Array, Number(shape[1] ?? 1), mask);
          });
          return [module, onTopOfOneAnother(uses)];
        }),
      );
    },
    dispose: () => session.dispose(),
  };
}

/** The rows of all uses of a layer. */
function onTopOfOneAnother(parts: readonly Matrix[]): Matrix {
  const [first, ...others] = parts;
  if (first !== undefined && others.length === 0) return first;
  return stackRows(parts, first?.columns ?? 1);
}

function rowsOf(data: Float32Array, columns: number, mask: Int32Array): Matrix {
  const perToken = data.length === mask.length * columns;
  if (!perToken) return { rows: data.length / columns, columns, data: Float64Array.from(data) };
  const kept = [...mask.keys()].filter((row) => mask[row] === 1);
  const matrix = zeros(kept.length, columns);
  for (const [place, row] of kept.entries()) {
    matrix.data.set(data.subarray(row * columns, (row + 1) * columns), place * columns);
  }
  return matrix;
}
