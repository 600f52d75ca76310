/** @file Grams of every Dense layer of a LayersModel: X^T X over the inputs X that the layer reads. */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { startProgress } from '../../shared/cli/progress.ts';
import { packedLength } from '../../shared/contribution/gram-packing.ts';
import type { LayerWeight } from '../../shared/contribution/layer-weights.ts';
import { collate } from '../../shared/data/collate.ts';
import type { Batch, EncodedExample } from '../../shared/data/example.ts';
import { planBatches } from '../../shared/data/plan-batches.ts';
import { RegmeanError } from '../../shared/errors.ts';
import type { TaskKind } from '../../shared/task.ts';
import type { CollectedGrams, GramPassOptions } from '../statistics/collect-grams.ts';
import type { Core } from './library.ts';
import type { LayersNetwork } from './network.ts';

/** Dense layers that read the same inputs. */
interface DenseGroup {
  readonly name: string;
  readonly modules: Map<string, LayerWeight>;
  /** One per use. */
  readonly inputs: readonly SymbolicTensor[];
}

/**
 * Collects the Grams of a LayersModel over examples; see `collectGrams` of agent/statistics.
 *
 * @throws RegmeanError `unsupported` for a model without Dense layers of its own
 */
export async function collectLayersGrams(
  network: LayersNetwork,
  task: TaskKind,
  examples: readonly EncodedExample[],
  options: GramPassOptions,
  signal?: AbortSignal,
): Promise<CollectedGrams> {
  const { tensorFlow, model } = network;
  const { core, layers } = tensorFlow;
  const groups = findDenseGroups(network);
  const taps = [...new Set(groups.flatMap(({ inputs }) => inputs))];
  const tapped = layers.model({ inputs: model.inputs, outputs: taps });
  const lengths = examples.map((example) => example.inputIds.length);
  const plan = planBatches(lengths, {
    batchSize: options.batchSize,
    seed: options.seed,
    epoch: 0,
    equalLengths: network.config.equalLengths,
  }).slice(0, options.batches);
  const planned = plan.flat().reduce((sum, index) => sum + (lengths[index] ?? 0), 0);
  const progress = startProgress({ label: 'collecting Grams', total: planned, unit: 'tokens' });
  const sums = new Map(groups.map(({ name, inputs }) => [name, emptySum(inputs)]));
  let tokens = 0;
  let sequences = 0;
  for (const [number, indices] of plan.entries()) {
    if (signal?.aborted === true) {
      throw new RegmeanError('interrupted', `Grams: stopped at batch ${number + 1} of ${plan.length}`);
    }
    const batch = collate(examples, indices, network.config, task);
    core.tidy(() => {
      const activations = [tapped.predictOnBatch(network.inputsOf(batch))].flat();
      for (const { name, inputs } of groups) {
        for (const input of inputs) {
          const rows = rowsOf(
            core,
            activations[taps.indexOf(input)] as Tensor,
            batch,
            network.length,
            options,
          );
          addProduct(core, sums.get(name) as GramSum, rows);
        }
      }
    });
    tokens += batch.tokens;
    sequences += batch.batchSize;
    progress.update(tokens);
  }
  progress.finish();
  return {
    grams: [...sums].map(([name, { dimension, total, rows }]) => ({
      name,
      dimension,
      rows,
      packed: Float32Array.from(total),
    })),
    layers: new Map(
      groups.flatMap(({ name, modules }) => [...modules.keys()].map((module) => [module, name] as const)),
    ),
    weights: new Map(groups.flatMap(({ modules }) => [...modules])),
    examples: sequences,
    tokens,
    batches: plan.length,
  };
}

function findDenseGroups({ model, variables }: LayersNetwork): readonly DenseGroup[] {
  const groups = new Map<string, DenseGroup>();
  for (const layer of model.layers) {
    if (layer.getClassName() !== 'Dense') continue;
    const parameter = `${layer.name}/kernel`;
    if (!variables.has(parameter)) continue;
    const inputs = layer.inboundNodes.flatMap((node) => node.inputTensors);
    const key = inputs.map(({ id }) => id).join();
    const group = groups.get(key) ?? { name: layer.name, modules: new Map<string, LayerWeight>(), inputs };
    group.modules.set(layer.name, { parameter, orientation: 'in-out' });
    groups.set(key, group);
  }
  if (groups.size > 0) return [...groups.values()];
  throw new RegmeanError('unsupported', 'Grams: the LayersModel must have Dense layers, has none', {
    hint: 'models inside of models are not looked into: build it as one model',
  });
}

interface GramSum {
  readonly dimension: number;
  /** The packed upper triangle. */
  readonly total: Float64Array;
  rows: number;
}

function emptySum([input]: readonly SymbolicTensor[]): GramSum {
  const dimension = Number(input?.shape.at(-1));
  return { dimension, total: new Float64Array(packedLength(dimension)), rows: 0 };
}

/** The rows of an activation that count: all of [batch, d], those of [batch, seq, d] that are tokens. */
function rowsOf(
  core: Core,
  activation: Tensor,
  { attentionMask, batchSize, seqLength }: Batch,
  length: number | null,
  { padding }: GramPassOptions,
): Tensor {
  const dimension = Number(activation.shape.at(-1));
  const flat = core.reshape(activation, [-1, dimension]);
  const width = length ?? seqLength;
  if (flat.shape[0] !== batchSize * width || activation.shape.length !== 3 || padding === 'included')
    return flat;
  const rows = [...attentionMask.keys()]
    .filter((at) => attentionMask[at] === 1)
    .map((at) => Math.floor(at / seqLength) * width + (at % seqLength));
  return core.gather(flat, core.tensor1d(rows, 'int32'));
}

function addProduct(core: Core, sum: GramSum, rows: Tensor): void {
  const { dimension, total } = sum;
  const product = core.matMul(rows as Tensor, rows as Tensor, true, false).dataSync();
  let at = 0;
  for (let row = 0; row < dimension; row++) {
    for (let column = row; column < dimension; column++) {
      total[at] = (total[at] as number) + (product[row * dimension + column] as number);
      at++;
    }
  }
  sum.rows += rows.shape[0] ?? 0;
}
