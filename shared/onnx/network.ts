/**
 * @file What is asked of an ONNX graph before it is imported: its logits, the nodes they need, and
 *   its parameters.
 */
import { RegmeanError } from '../errors.ts';
import type { OnnxGraph, OnnxNode, OnnxTensor, OnnxValueInfo } from '../graph/onnx-schema.ts';
import { type NetworkInput, networkInputs } from './inputs.ts';
import { layerNames } from './layer-names.ts';
import { weightsAmong } from './lift-constants.ts';
import { nodeName } from './nodes.ts';
import type { OnnxSource } from './open-onnx.ts';
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
  /** What its user should know. */
  readonly notes: readonly string[];
}

/** Whether an initializer can be trained: float32, of at least one axis. */
export function isParameter(tensor: OnnxTensor): boolean {
  return dtypeOfCode(tensor.dataType) === 'float32' && shapeOfTensor(tensor).length > 0;
}

/**
 * Finds the logits of a graph (the output of that name, else the only floating point one that can
 * be it) and what they need.
 *
 * @throws RegmeanError `unsupported` for several outputs of which none is called logits, inputs
 *   that are not known or whose batch or length is fixed, and weights in float64; `invalid-input`
 *   for nodes that read what no node before computes
 */
export function networkOf(source: OnnxSource): OnnxNetwork {
  const { graph } = source.model;
  const output = logitsOf(source.path, graph);
  const nodes = nodesFor(graph, output.name);
  requireOrder(source, nodes);
  const read = new Set(nodes.flatMap(({ input }) => input));
  const used = graph.initializer.filter(({ name }) => read.has(name ?? ''));
  requireSinglePrecision(source, used);
  const initializers = new Set(graph.initializer.map(({ name }) => name ?? ''));
  const fed = graph.input.filter(({ name }) => read.has(name) && !initializers.has(name));
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
    notes: notesOn(source.path, graph, output.name, read),
  };
}

/** The output that is taken as logits. */
function logitsOf(path: string, { output }: OnnxGraph): OnnxValueInfo {
  const named = output.find(({ name }) => name === 'logits');
  if (named !== undefined) return named;
  const [first, ...others] = output.filter(({ type }) => {
    const rank = type?.tensorType?.shape?.dim?.length ?? 0;
    return dtypeOfCode(type?.tensorType?.elemType) === 'float32' && rank <= 3;
  });
  if (first === undefined) {
    throw new RegmeanError(
      'unsupported',
      `${path}: must have an output of floating point numbers, the logits`,
    );
  }
  if (others.length === 0) return first;
  const names = [first, ...others].map(({ name }) => name).join(', ');
  throw new RegmeanError('unsupported', `${path}: one output must be called logits, got ${names}`, {
    hint: 'name the output to train `logits` in the export (output_names)',
  });
}

/**
 * Names the first node that reads what nothing before it gives: in a cycle, or in a file that lacks
 * something.
 */
function requireOrder({ path, model }: OnnxSource, nodes: readonly OnnxNode[]): void {
  const { graph } = model;
  const given = new Set(['', ...[...graph.input, ...graph.initializer].map(({ name }) => name ?? '')]);
  for (const node of nodes) {
    const missing = node.input.find((name) => !given.has(name));
    if (missing !== undefined) {
      throw new RegmeanError(
        'invalid-input',
        `${path}: node ${nodeName(node)} (${node.opType}): input ${missing} is computed nowhere before`,
      );
    }
    for (const name of node.output) given.add(name);
  }
}

/** Training is in float32: weights in float64 would be constants without a word. */
function requireSinglePrecision({ path, model }: OnnxSource, used: readonly OnnxTensor[]): void {
  const double = used.filter(({ dataType }) => dtypeOfCode(dataType) === 'float64');
  const [name] = weightsAmong(model, new Map(double.map((tensor) => [tensor.name ?? '', tensor])));
  if (name === undefined) return;
  throw new RegmeanError('unsupported', `${path}: weights must be float32 or float16, ${name} is float64`, {
    hint: 'export the network in float32',
  });
}

function notesOn(path: string, graph: OnnxGraph, logits: string, read: ReadonlySet<string>): string[] {
  const last = graph.node.find(({ output }) => output.includes(logits));
  const others = graph.output.flatMap(({ name }) => {
    const needed = new Set(nodesFor(graph, name).flatMap(({ input }) => input));
    const own = graph.initializer.filter((tensor) => isParameter(tensor) && needed.has(tensor.name ?? ''));
    const alone = own.flatMap((tensor) => (read.has(tensor.name ?? '') ? [] : [tensor.name]));
    return alone.length === 0 ? [] : [`${name} (${alone.join(', ')})`];
  });
  return [
    ...(others.length === 0
      ? []
      : [
          `${path}: output ${logits} is used; parameters of other outputs alone stay as they are: ${others.join(', ')}`,
        ]),
    ...(last?.opType === 'Softmax' || last?.opType === 'Sigmoid'
      ? [`${path}: output ${logits} comes from ${last.opType} and is taken as logits: export without it`]
      : []),
  ];
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
