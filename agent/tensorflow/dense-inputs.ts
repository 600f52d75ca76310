/**
 * @file What the Dense layers of a model read while it runs. TensorFlow.js' call hooks are not
 *   there for TimeDistributed, so `call` of the layers is taken over instead. A layer inside of
 *   TimeDistributed is called once per position with [batch, d]; stacked, its inputs are the
 *   [batch, positions, d] that the others read, so that what is padding can be told.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { type Layer, layersWithin, timeDistributedLayer } from '../../shared/tensorflow/layer-tree.ts';
import type { TensorFlow } from '../../shared/tensorflow/library.ts';

/** What a Dense layer reads in one use. */
export interface DenseInput {
  /** Equal for uses that read the same tensors of one run. */
  readonly key: string;
  /** Kept: whoever asked for it disposes of it. */
  readonly tensor: Tensor;
}

type Inputs = Map<Layer, DenseInput[]>;
type Output = ReturnType<Layer['call']>;

/**
 * Runs a model and records the inputs of all its Dense layers, in models and TimeDistributed layers
 * inside of it too.
 *
 * @param run runs the model
 * @returns the inputs of each Dense layer, one per use
 */
export function recordDenseInputs(
  { core, layers: library }: TensorFlow,
  model: LayersModel,
  run: () => void,
): ReadonlyMap<Layer, readonly DenseInput[]> {
  const all = layersWithin(library, model);
  const wrapped = new Set(all.map((layer) => timeDistributedLayer(library, layer)));
  const denses = all.filter((layer) => layer.getClassName() === 'Dense');
  const empty = (): Inputs => new Map(denses.map((dense) => [dense, []]));
  let inputs = empty();

  const record = (dense: Layer, input: Tensor): void => {
    inputs.get(dense)?.push({ key: String(input.id), tensor: core.keep(core.clone(input)) });
  };
  const recordPositions = (input: Tensor, call: () => Output): Output => {
    const outer = inputs;
    inputs = empty();
    const output = call();
    for (const [dense, steps] of inputs) {
      const uses = steps.length / (input.shape[1] ?? 1);
      for (let use = 0; use < uses; use++) {
        const own = steps.filter((_, step) => step % uses === use);
        const tensors = own.map(({ tensor }) => tensor);
        const key = own.map((step) => step.key).join('+');
        outer.get(dense)?.push({ key, tensor: core.keep(core.stack(tensors, 1)) });
      }
      core.dispose(steps.map(({ tensor }) => tensor));
    }
    inputs = outer;
    return output;
  };

  const takenOver: Layer[] = [];
  const takeOver = (layer: Layer, around: (input: Tensor, call: () => Output) => Output): void => {
    const original = layer.call;
    layer.call = (given, kwargs) => {
      const input = Array.isArray(given) ? given[0] : given;
      const call = (): Output => original.call(layer, given, kwargs);
      return input === undefined ? call() : around(input, call);
    };
    takenOver.push(layer);
  };
  const recordFor = (dense: Layer) => (input: Tensor, call: () => Output) => {
    record(dense, input);
    return call();
  };
  for (const layer of all) {
    const inner = timeDistributedLayer(library, layer);
    if (inner !== null) takeOver(layer, inputs.has(inner) ? recordFor(inner) : recordPositions);
    else if (inputs.has(layer) && !wrapped.has(layer)) takeOver(layer, recordFor(layer));
  }
  try {
    run();
  } finally {
    for (const layer of takenOver) Reflect.deleteProperty(layer, 'call');
  }
  return inputs;
}
