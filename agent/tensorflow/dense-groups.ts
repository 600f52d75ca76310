/**
 * @file The Dense layers of a LayersModel, and which of them read the same activation and so have
 *   one Gram.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import { RegmeanError } from '../../shared/errors.ts';
import type { LinearLayer } from '../../shared/models/linear-layers.ts';
import { type Layer, layersWithin } from '../../shared/tensorflow/layer-tree.ts';
import type { LayersNetwork } from '../../shared/tensorflow/network.ts';
import type { DenseInput } from './dense-inputs.ts';

/** A Dense layer of TensorFlow.js and what is known of it: `left/kernel` of the module `left`. */
export interface Dense {
  readonly layer: Layer;
  readonly linear: LinearLayer;
}

/** Dense layers that read the same tensors in all of their uses. */
export interface DenseGroup {
  readonly name: string;
  readonly denses: readonly Dense[];
  /** Length of the rows that they read. */
  readonly dimension: number;
}

type Inputs = ReadonlyMap<Layer, readonly DenseInput[]>;

/**
 * The linear layers of a network as TensorFlow.js has them.
 *
 * @throws RegmeanError `unsupported` when there is none, or model.json does not have it as Dense
 */
export function denseLayers({ tensorFlow, model, variables, layers }: LayersNetwork): readonly Dense[] {
  const names = new Map<Tensor, string>([...variables].map(([name, variable]) => [variable, name]));
  const byWeight = new Map(layers.map((linear) => [linear.weight, linear]));
  const denses = layersWithin(tensorFlow.layers, model).flatMap((layer): Dense[] => {
    if (layer.getClassName() !== 'Dense') return [];
    const kernel = layer.weights.find(({ shape }) => shape.length === 2);
    const weight = kernel === undefined ? undefined : names.get(kernel.read());
    if (weight === undefined) return [];
    const linear = byWeight.get(weight);
    if (linear !== undefined) return [{ layer, linear }];
    throw new RegmeanError(
      'unsupported',
      `Grams: model.json must say of ${weight} that it is a Dense layer's`,
    );
  });
  if (denses.length > 0) return denses;
  throw new RegmeanError('unsupported', 'Grams: the LayersModel must have Dense layers, has none');
}

/**
 * Groups Dense layers by the tensors that they read in a batch. A group is named as its first
 * layer.
 *
 * @throws RegmeanError `unsupported` when a layer read nothing
 */
export function groupDenses(denses: readonly Dense[], inputs: Inputs): readonly DenseGroup[] {
  const groups = new Map<string, DenseGroup>();
  for (const dense of denses) {
    const [first] = inputs.get(dense.layer) ?? [];
    if (first === undefined) {
      throw new RegmeanError(
        'unsupported',
        `Grams: the model never uses its Dense layer ${dense.linear.module}`,
      );
    }
    const key = keyOf(inputs, dense);
    const group = groups.get(key);
    groups.set(key, {
      name: group?.name ?? dense.linear.module,
      denses: [...(group?.denses ?? []), dense],
      dimension: Number(first.tensor.shape.at(-1)),
    });
  }
  return [...groups.values()];
}

/**
 * What the layers of a group read in a batch, one input per use.
 *
 * @throws RegmeanError `unsupported` when it is not the same for all of them
 */
export function inputsOfGroup(
  { name, denses: [first, ...others] }: DenseGroup,
  inputs: Inputs,
  batch: number,
): readonly DenseInput[] {
  const read = first === undefined ? [] : (inputs.get(first.layer) ?? []);
  const other = others.find((dense) => first !== undefined && keyOf(inputs, dense) !== keyOf(inputs, first));
  if (other === undefined && read.length > 0) return read;
  const what = other === undefined ? 'nothing' : `something else than ${other.linear.module}`;
  throw new RegmeanError(
    'unsupported',
    `Grams: the Dense layer ${name} must read the same activation in every batch, in batch ${batch} it reads ${what}`,
  );
}

function keyOf(inputs: Inputs, { layer }: Dense): string {
  return (inputs.get(layer) ?? []).map(({ key }) => key).join();
}
