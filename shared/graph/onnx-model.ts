/**
 * @file Encodes a graph as an ONNX model (IR version 9, opset 20, or what an op asks for that is
 *   newer: nothing that ops here write means anything else in the versions up to 26).
 */

import type { TensorData } from '../tensor.ts';
import type { Attributes, DType, Graph, Shape, Value } from './graph.ts';
import {
  attributeTypes,
  encodeModel,
  type OnnxAttribute,
  type OnnxTensor,
  type OnnxValueInfo,
} from './onnx-schema.ts';

const irVersion = 9;

/** Version of ONNX's operators that graphs are written with. */
export const operatorsVersion = 20;

const microsoftVersion = 1;

/** ONNX's codes of element types. */
export const elementTypes: Readonly<Record<DType, number>> = {
  float32: 1,
  int32: 6,
  int64: 7,
  bool: 9,
  float64: 11,
};

/**
 * The ONNX model of a graph: nodes that its outputs need, constants as initializers, everything
 * else as inputs.
 */
export function encodeOnnxModel(graph: Graph): Uint8Array {
  const needed = neededNodes(graph);
  const used = new Set(needed.flatMap((node) => node.inputs));
  for (const value of graph.outputs.values()) used.add(value);
  const names = outputNames(graph);
  const nameOf = (value: Value): string => names.get(value) ?? value.name;
  const nodes = needed.map((node) => ({
    input: node.inputs.map((value) => (value === null ? '' : nameOf(value))),
    output: node.outputs.map((value, at) => (node.op.absentOutputs?.includes(at) ? '' : nameOf(value))),
    name: node.name,
    opType: node.op.type,
    attribute: encodeAttributes(node.attributes),
    ...(node.op.domain === undefined ? {} : { domain: node.op.domain }),
  }));
  const copies = [...graph.outputs]
    .filter(([name, value]) => nameOf(value) !== name)
    .map(([name, value]) => ({ input: [nameOf(value)], output: [name], name, opType: 'Identity' }));
  const model = {
    irVersion,
    producerName: 'regmean',
    opsetImport: [...versionsOf(needed)].map(([domain, version]) => ({ domain, version })),
    graph: {
      name: 'regmean',
      node: [...nodes, ...copies],
      initializer: [...graph.constants].filter(([value]) => used.has(value)).map(encodeConstant),
      input: graph.inputs
        .filter((value) => used.has(value))
        .map((value) => encodeValueInfo(value.name, value)),
      output: [...graph.outputs].map(([name, value]) => encodeValueInfo(name, value)),
    },
  };
  return encodeModel(model);
}

/** The newest version that a node asks for, by domain. */
function versionsOf(nodes: Graph['nodes']): ReadonlyMap<string, number> {
  const versions = new Map([
    ['', operatorsVersion],
    ['com.microsoft', microsoftVersion],
  ]);
  for (const { op } of nodes) {
    const { domain = '', version = 0 } = op;
    versions.set(domain, Math.max(versions.get(domain) ?? 1, version));
  }
  return versions;
}

/**
 * Computed values take the name of the output they are, so that no copy is needed; inputs are
 * copied.
 */
function outputNames(graph: Graph): Map<Value, string> {
  const names = new Map<Value, string>();
  for (const [name, value] of graph.outputs) {
    if (value.role === 'computed' && !names.has(value)) names.set(value, name);
  }
  return names;
}

/**
 * The nodes that the outputs depend on, in the order they were added, which is a valid order to run
 * them.
 */
export function neededNodes(graph: Graph): Graph['nodes'] {
  const wanted = new Set<Value>(graph.outputs.values());
  const needed: Graph['nodes'] = [];
  for (const node of [...graph.nodes].reverse()) {
    if (!node.outputs.some((output) => wanted.has(output))) continue;
    needed.push(node);
    for (const input of node.inputs) if (input !== null) wanted.add(input);
  }
  return needed.reverse();
}

function encodeAttributes(attributes: Attributes): OnnxAttribute[] {
  return Object.entries(attributes).map(([name, value]): OnnxAttribute => {
    if (typeof value === 'bigint') return { name, i: Number(value), type: attributeTypes.int };
    if (typeof value === 'number') return { name, f: value, type: attributeTypes.float };
    if (typeof value === 'string') return { name, s: Buffer.from(value), type: attributeTypes.string };
    if ('kept' in value) return value.kept;
    return { name, ints: value.map(Number), type: attributeTypes.ints };
  });
}

function encodeConstant([value, data]: readonly [Value, TensorData]): OnnxTensor {
  return {
    name: value.name,
    dims: value.shape.map(Number),
    dataType: elementTypes[value.dtype],
    rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  };
}

function encodeValueInfo(name: string, type: { dtype: DType; shape: Shape }): OnnxValueInfo {
  const dim = type.shape.map((size) =>
    typeof size === 'number' ? { dimValue: size } : { dimParam: `${size}` },
  );
  return { name, type: { tensorType: { elemType: elementTypes[type.dtype], shape: { dim } } } };
}
