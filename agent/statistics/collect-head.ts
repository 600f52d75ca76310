/** @file X^T X and X^T Y of what a model's last layer reads; see shared/contribution. */
import { RegmeanError } from '../../shared/errors.ts';
import { batchesOf } from '../../shared/examples/batches-of.ts';
import type { Batch, EncodedExample } from '../../shared/examples/example.ts';
import { batchFeeds } from '../../shared/examples/feeds.ts';
import { lengthsOf, planEvaluationBatches } from '../../shared/examples/plan-batches.ts';
import { createGemm } from '../../shared/linalg/gemm.ts';
import { type Matrix, zeros } from '../../shared/linalg/matrix.ts';
import { flatRows, rowKindOf } from '../../shared/models/layer-rows.ts';
import type { Model } from '../../shared/models/model-folder.ts';
import { buildModelGraph } from '../../shared/models/model-graph.ts';
import { outputLayerOf } from '../../shared/models/output-layer.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import { createSession } from '../../shared/runtime/session.ts';
import { ignoredLabel, logitRowsOf, type TaskKind } from '../../shared/task.ts';
import { firstNotFinite } from '../../shared/tensor.ts';

/** The sums of one agent's data. */
export interface CollectedHead {
  /** Module of the layer. */
  readonly layer: string;
  readonly inputs: number;
  readonly outputs: number;
  readonly rows: number;
  /** X^T X with a column of ones, [inputs + 1, inputs + 1]. */
  readonly gram: Matrix;
  /** X^T Y, [inputs + 1, outputs]. */
  readonly cross: Matrix;
}

/** Tasks whose targets a linear layer can be regressed on. */
const headTasks: readonly TaskKind[] = [
  ...(['text-classification', 'multi-label-classification'] as const),
  ...(['token-classification', 'regression'] as const),
];

/**
 * Sums the products over labelled examples, in float64.
 *
 * @throws RegmeanError `unsupported` for other tasks, and for models whose logits are no products
 *   of a linear layer
 */
export async function collectHead(
  model: Model,
  examples: readonly EncodedExample[],
  { batchSize }: { readonly batchSize: number },
  context: RunContext,
): Promise<CollectedHead> {
  const { task, outputs } = model;
  if (!headTasks.includes(task)) {
    throw new RegmeanError(
      'unsupported',
      `head: the task must be one of ${headTasks.join(', ')}, got ${task}`,
    );
  }
  const built = buildModelGraph(model, { withLoss: false, dropoutSeed: null });
  const { layer, input } = outputLayerOf(built);
  const kind = logitRowsOf(task) === 'sequence' ? 'sequences' : 'tokens';
  if (rowKindOf(input) !== kind) {
    const got = rowKindOf(input) ?? 'something else';
    throw new RegmeanError(
      'unsupported',
      `head: ${layer.module} must read ${kind} for ${task}, reads ${got}`,
    );
  }
  built.graph.output('features', flatRows(input));
  const session = await createSession(built.graph, context.compute);
  const gemm = createGemm(context.compute);
  const { inputs } = layer;
  const size = inputs + 1;
  const gram = zeros(size, size);
  const cross = zeros(size, outputs);
  const plan = planEvaluationBatches(lengthsOf(examples), batchSize, model.config.inputs.equalLengths);
  const walk = { name: 'collecting the head', plan, task, inputs: model.config.inputs };
  let rows = 0;
  try {
    for await (const batch of batchesOf(examples, walk, context)) {
      const feeds = new Map([...model.weights, ...batchFeeds(batch, task)]);
      const features = (await session.run(feeds)).get('features')?.data as Float32Array;
      const targets = targetsOf(batch, task, outputs);
      const x = withOnes(features, targets.counted, inputs);
      if (firstNotFinite(x.data) >= 0) throw notFinite(examples, batch);
      await gemm.accumulate(x, x, gram, { transA: true });
      await gemm.accumulate(x, targets.values, cross, { transA: true });
      rows += x.rows;
    }
  } finally {
    await session.dispose();
    await gemm.dispose();
  }
  return { layer: layer.module, inputs, outputs, rows, gram, cross };
}

/** The targets of a batch, and which of its rows they are of. */
interface Targets {
  readonly counted: readonly number[];
  /** [counted, outputs] */
  readonly values: Matrix;
}

function targetsOf({ labels, batchSize }: Batch, task: TaskKind, outputs: number): Targets {
  if (labels === null) throw new TypeError('collectHead: examples have labels');
  if (task === 'regression' || task === 'multi-label-classification') {
    const counted = Array.from({ length: batchSize }, (_, row) => row);
    return { counted, values: { rows: batchSize, columns: outputs, data: Float64Array.from(labels) } };
  }
  const counted = [...labels.keys()].filter((row) => labels[row] !== ignoredLabel);
  const values = zeros(counted.length, outputs);
  for (const [at, row] of counted.entries()) values.data[at * outputs + Number(labels[row])] = 1;
  return { counted, values };
}

/** Some rows of features, with a one behind each. */
function withOnes(features: Float32Array, rows: readonly number[], inputs: number): Matrix {
  const x = zeros(rows.length, inputs + 1);
  for (const [at, row] of rows.entries()) {
    x.data.set(features.subarray(row * inputs, (row + 1) * inputs), at * (inputs + 1));
    x.data[(at + 1) * (inputs + 1) - 1] = 1;
  }
  return x;
}

function notFinite(examples: readonly EncodedExample[], { indices }: Batch): RegmeanError {
  const { file, row } = (examples[indices[0] as number] as EncodedExample).source;
  return new RegmeanError('numerical', `${file}, in the batch of row ${row}: features must be finite`, {
    hint: 'the model overflows on this data: check its weights',
  });
}
