/**
 * @file Grams of every Dense layer of a LayersModel: X^T X over the inputs X that the layer reads.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import { packedLength } from '../../shared/contribution/gram-packing.ts';
import { batchesOf } from '../../shared/examples/batches-of.ts';
import type { Batch, EncodedExample } from '../../shared/examples/example.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import type { TaskKind } from '../../shared/task.ts';
import type { Core } from '../../shared/tensorflow/library.ts';
import type { LayersNetwork } from '../../shared/tensorflow/network.ts';
import { requireReadable, runOn } from '../../shared/tensorflow/readable.ts';
import { type CollectedGrams, type GramPassOptions, gramBatches } from '../statistics/collect-grams.ts';
import { type DenseGroup, denseLayers, groupDenses, inputsOfGroup } from './dense-groups.ts';
import { recordDenseInputs } from './dense-inputs.ts';

/**
 * Collects the Grams of a LayersModel over examples; see `collectGrams` of agent/statistics.
 *
 * @throws RegmeanError `unsupported` for a model without Dense layers
 */
export async function collectLayersGrams(
  network: LayersNetwork,
  task: TaskKind,
  examples: readonly EncodedExample[],
  options: GramPassOptions,
  context: RunContext,
): Promise<CollectedGrams> {
  const { tensorFlow, model } = network;
  const { core } = tensorFlow;
  const denses = denseLayers(network);
  requireReadable(network, examples);
  const pass = gramBatches(examples, { task, inputs: network.inputs }, options);
  const sums = new Map<DenseGroup, GramSum>();
  let groups: readonly DenseGroup[] = [];
  let tokens = 0;
  let sequences = 0;
  let batches = 0;
  for await (const batch of batchesOf(examples, pass, context)) {
    batches++;
    core.tidy(() => {
      const inputs = runOn(examples, batch.indices, () =>
        recordDenseInputs(tensorFlow, model, () => model.predictOnBatch(network.inputsOf(batch))),
      );
      if (batches === 1) groups = groupDenses(denses, inputs);
      for (const group of groups) {
        const sum = sums.get(group) ?? emptySum(group.dimension);
        sums.set(group, sum);
        for (const { tensor } of inputsOfGroup(group, inputs, batches)) {
          addProduct(core, sum, rowsOf(core, tensor, batch, network.widthOf(batch), options));
        }
      }
      core.dispose([...inputs.values()].flat().map(({ tensor }) => tensor));
    });
    tokens += batch.tokens;
    sequences += batch.batchSize;
  }
  return {
    grams: [...sums].map(([{ name, dimension }, { total, rows }]) => ({
      name,
      dimension,
      rows,
      packed: Float32Array.from(total),
    })),
    // Layers of any kind may lie before a Dense one: which bring tokens together is not known.
    singleTokens: new Set(),
    layers: new Map(groups.flatMap((group) => group.denses.map(({ linear }) => [linear.module, group.name]))),
    weights: new Map(
      denses.map(({ linear: { module, weight, orientation } }) => [
        module,
        { parameter: weight, orientation },
      ]),
    ),
    examples: sequences,
    tokens,
    batches,
  };
}

interface GramSum {
  readonly dimension: number;
  /** The packed upper triangle. */
  readonly total: Float64Array;
  rows: number;
}

function emptySum(dimension: number): GramSum {
  return { dimension, total: new Float64Array(packedLength(dimension)), rows: 0 };
}

/**
 * The rows of an activation that count: all of [batch, d], those of [batch, seq, ..., d] that are
 * tokens.
 */
function rowsOf(
  core: Core,
  activation: Tensor,
  { attentionMask, batchSize, seqLength }: Batch,
  width: number,
  { padding }: GramPassOptions,
): Tensor {
  const { shape } = activation;
  const flat = [-1, Number(shape.at(-1))];
  const isPerToken = shape.length > 2 && shape[0] === batchSize && shape[1] === width;
  if (!isPerToken || padding === 'included') return core.reshape(activation, flat);
  const rows = [...attentionMask.keys()]
    .filter((at) => attentionMask[at] === 1)
    .map((at) => Math.floor(at / seqLength) * width + (at % seqLength));
  const perToken = core.reshape(activation, [batchSize * width, -1]);
  return core.reshape(core.gather(perToken, core.tensor1d(rows, 'int32')), flat);
}

function addProduct(core: Core, sum: GramSum, rows: Tensor): void {
  const { dimension, total } = sum;
  const product = core.matMul(rows, rows, true, false).dataSync();
  let at = 0;
  for (let row = 0; row < dimension; row++) {
    for (let column = row; column < dimension; column++) {
      total[at] = (total[at] as number) + (product[row * dimension + column] as number);
      at++;
    }
  }
  sum.rows += rows.shape[0] ?? 0;
}
