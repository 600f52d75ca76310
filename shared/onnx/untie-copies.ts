/**
 * @file Parameters that are equal only in the values they begin with, three biases of zeros, become
 *   initializers of their own again: PyTorch's exporter keeps one initializer of them and writes an
 *   Identity node for each of the others. What a model ties itself is one parameter to PyTorch,
 *   which has one name and is read under it by all its readers: it stays tied.
 */

import type { OnnxModel, OnnxNode, OnnxTensor } from '../graph/onnx-schema.ts';
import { weightsFile } from '../safetensors/model-weights.ts';
import { biasOf } from './layer-names.ts';
import { isStandard, nodeName } from './nodes.ts';
import { dtypeOfCode, shapeOfTensor } from './tensors.ts';

/**
 * The model with copies of initializers in place of Identity nodes that stand for other parameters.
 * An Identity stands for another parameter where its output has a parameter's name. Where the name
 * is the exporter's (`onnx::MatMul_26`: a weight that was transposed beforehand, once for each
 * use), it is another layer's that reads it, with another bias or under another path.
 */
export function withUntiedCopies(model: OnnxModel): OnnxModel {
  const { node: nodes, initializer, output: results } = model.graph;
  const originals = new Map(
    initializer.filter(isOwnWeight).map((tensor): [string, OnnxTensor] => [tensor.name ?? '', tensor]),
  );
  const resultNames = new Set(results.map(({ name }) => name));
  const copies = nodes.filter(
    ({ opType, domain, input, output }) =>
      opType === 'Identity' &&
      isStandard(domain) &&
      originals.has(input[0] ?? '') &&
      !resultNames.has(output[0] ?? '') &&
      nodes.filter((node) => node.input.includes(input[0] ?? '')).length > 1,
  );
  const layerOf = layersOf(
    nodes,
    new Set([...originals.keys(), ...copies.map(({ output }) => output[0] ?? '')]),
  );
  /** The initializer of each layer that reads copies of one initializer. */
  const owners = new Map<string, string>();
  const lifted: OnnxTensor[] = [];
  const replaced = new Map<OnnxNode, readonly OnnxNode[]>();
  for (const copy of copies) {
    const [original = ''] = copy.input;
    const [name = ''] = copy.output;
    const layer = isParameterName(name) ? name : layerOf(name);
    if (layer === undefined) continue;
    if (!isParameterName(name) && [undefined, layer].includes(layerOf(original))) continue;
    const owner = owners.get(`${original}\n${layer}`);
    if (owner === undefined) {
      owners.set(`${original}\n${layer}`, name);
      lifted.push({ ...originals.get(original), name });
      replaced.set(copy, []);
    } else replaced.set(copy, [{ ...copy, input: [owner] }]);
  }
  if (lifted.length === 0) return model;
  return {
    ...model,
    graph: {
      ...model.graph,
      node: nodes.flatMap((node) => replaced.get(node) ?? [node]),
      initializer: [...initializer, ...lifted],
    },
  };
}

/**
 * Whether an initializer is trained, and not one that a model folder's weights have under this name
 * alone.
 */
function isOwnWeight(tensor: OnnxTensor): boolean {
  const isStored = tensor.externalData?.some(({ key, value }) => key === 'location' && value === weightsFile);
  return isStored !== true && dtypeOfCode(tensor.dataType) === 'float32' && shapeOfTensor(tensor).length > 0;
}

/** PyTorch calls other values `/dense/Add_output_0` and `onnx::MatMul_26`. */
function isParameterName(name: string): boolean {
  return !/[/:]/.test(name);
}

/**
 * What tells the layer that reads a value: its bias, or the path of the node; undefined for values
 * that no exporter named.
 */
function layersOf(
  nodes: readonly OnnxNode[],
  parameters: ReadonlySet<string>,
): (value: string) => string | undefined {
  return (value) => {
    const reader = nodes.find(({ opType, input }) => opType !== 'Identity' && input.includes(value));
    if (reader === undefined || !value.startsWith('onnx::')) return undefined;
    const bias = biasOf(nodes, reader, parameters);
    if (bias !== undefined && parameters.has(bias)) return bias;
    // A module's second call is called `dense_1`.
    const parts = nodeName(reader).split('/').slice(0, -1);
    return parts.map((part) => part.replace(/_\d+$/, '')).join('/');
  };
}
