/**
 * @file Reads the nodes of an ONNX network into a graph of ours, so that it can be differentiated
 *   and tapped.
 */

import { messageOf, RegmeanError } from '../errors.ts';
import type { Value } from '../graph/graph.ts';
import type { Size } from '../graph/sizes.ts';
import type { ModuleScope } from '../models/scope.ts';
import type { OnnxNetwork } from './network.ts';
import { nodeName } from './nodes.ts';
import { constantValue } from './operators/constants.ts';
import { operatorFor } from './operators/index.ts';
import { opaque, type ValueTypes } from './operators/opaque.ts';
import { shapeOfTensor } from './tensors.ts';

/**
 * Adds an ONNX network to a graph; its parameters are declared under their initializers' names.
 * Operators that there is no rule for are taken as they are: they run, and have no gradient.
 *
 * @param inputs by name, of the network's element types
 * @param types of what operators without a rule compute; null while they are not known
 * @returns the logits; null when types are needed and not known
 * @throws RegmeanError naming the node
 */
export function importNetwork(
  scope: ModuleScope,
  network: OnnxNetwork,
  inputs: ReadonlyMap<string, Value>,
  types: ValueTypes | null,
): Value | null {
  const { graph, declarations } = scope.build;
  const { path, opset, model } = network.source;
  const values = new Map<string, Value>(inputs);
  const contents = new WeakMap<Value, readonly Size[]>();
  for (const [name, tensor] of network.parameters) {
    const value = graph.parameter(name, shapeOfTensor(tensor));
    const module = network.modules.get(name);
    const named = module === undefined ? {} : { module };
    declarations.set(name, { value, initializer: 'normal', inHead: false, ...named });
    values.set(name, value);
  }
  for (const [name, tensor] of network.constants) {
    values.set(name, constantValue(graph, tensor, `${path}: initializer ${name}`, contents));
  }
  for (const node of network.nodes) {
    const where = `${path}: node ${nodeName(node)} (${node.opType})`;
    const inputsOfNode = node.input.map((name): Value | null => {
      if (name === '') return null;
      const value = values.get(name);
      if (value !== undefined) return value;
      throw new RegmeanError('invalid-input', `${where}: input ${name} is computed nowhere before`);
    });
    const context = { graph, scope, node, opset, inputs: inputsOfNode, contents };
    let outputs: readonly (Value | null)[] | null;
    try {
      // Nodes of the graph are named after their op too: `/encoder/Conv` must not become
      // `/encoder/Conv/Conv`.
      const scopeName = nodeName(node).replace(new RegExp(`/?${node.opType}$`), '');
      outputs = graph.scope(scopeName, () => {
        const read = operatorFor(node.opType, node.domain)?.(context) ?? null;
        return read ?? (types === null ? null : opaque(context, types, model.opsetImport));
      });
    } catch (error) {
      const { code, hint } = error instanceof RegmeanError ? error : { code: 'unsupported' as const };
      throw new RegmeanError(code, `${where}: ${messageOf(error)}`, {
        cause: error,
        ...(hint === undefined ? {} : { hint }),
      });
    }
    if (outputs === null) return null;
    for (const [at, name] of node.output.entries()) {
      const value = outputs[at] ?? null;
      if (value !== null) values.set(name, value);
    }
  }
  const logits = values.get(network.logits);
  if (logits !== undefined) return logits;
  throw new RegmeanError('invalid-input', `${path}: no node computes the output ${network.logits}`);
}
