/** @file What is asked of an ONNX graph before it is imported: its logits, the nodes they need, and its parameters. */
import { RegmeanError } from '../errors.ts';
import { type NetworkInput, networkInputs } from './inputs.ts';
import { layerNames } from './layer-names.ts';
import type { OnnxSource } from './open-onnx.ts';
import type { OnnxGraph, OnnxNode, OnnxTensor } from './schema.ts';
import { dtypeOfCode, shapeOfTensor } from './tensors.ts';

/** The part of an ONNX graph that computes logits. */
export interface OnnxNetwork {
  readonly source: OnnxSource;
  /** Name of the output. */
  readonly logits: string;
  /** The nodes that it needs, in an order to run them. */
  readonly nodes: readonly OnnxNode[];
  /** What is fed. */
  readonly inputs: readonly NetworkInput[];
  /** Initializers that are trained and merged: float32, of at least one axis. */
  readonly parameters: ReadonlyMap<string, OnnxTensor>;
  /** The other initializers that the nodes read. */
  readonly constants: ReadonlyMap<string, OnnxTensor>;
  /** Parameter -> name of the layer that it is the weight of, where its own name does not tell. */
  readonly modules: ReadonlyMap<string, string>;
}

/**
 * Finds the logits of a graph (the output of that name, else the first floating point one) and what they need.
 *
 * @throws RegmeanError `unsupported` for inputs that are not known, and inputs whose batch or length is fixed
 */
export function networkOf(source: OnnxSource): OnnxNetwork {
  const { graph } = source.model;
  const output =
    graph.output.find(({ name }) => name === 'logits') ??
    graph.output.find(({ type }) => dtypeOfCode(type?.tensorType?.elemType) === 'float32');
  if (output === undefined) {
    throw new RegmeanError(
      'unsupported',
      `${source.path}: must have an output of floating point numbers, the logits`,
    );
  }
  const nodes = nodesFor(graph, output.name);
  const read = new Set(nodes.flatMap(({ input }) => input));
  const used = graph.initializer.filter(({ name }) => read.has(name ?? ''));
  const initializers = new Set(graph.initializer.map(({ name }) => name ?? ''));
  const fed = graph.input.filter(({ name }) => read.has(name) && !initializers.has(name));
  const isParameter = (tensor: OnnxTensor): boolean =>
    dtypeOfCode(tensor.dataType) === 'float32' && shapeOfTensor(tensor).length > 0;
  const named = (tensors: readonly OnnxTensor[]): Map<string, OnnxTensor> =>
    new Map(tensors.map((tensor) => [tensor.name ?? '', tensor]));
  const parameters = named(used.filter(isParameter));
  return {
    source,
    logits: output.name,
    nodes,
    inputs: networkInputs(source.path, fed),
    parameters,
    constants: named(used.filter((tensor) => !isParameter(tensor))),
    modules: layerNames(nodes, new Set(parameters.keys())),
  };
}

function nodesFor({ node }: OnnxGraph, output: string): readonly OnnxNode[] {
  const wanted = new Set([output]);
  const needed: OnnxNode[] = [];
  for (const own of [...node].reverse()) {
    if (!own.output.some((name) => wanted.has(name))) continue;
    needed.push(own);
    for (const name of own.input) wanted.add(name);
  }
  return needed.reverse();
}
