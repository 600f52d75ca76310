/**
 * @file Reverse-mode differentiation: walks the nodes backwards and appends each op's
 *   vector-Jacobian product. Cotangents of broadcast inputs are summed back to the input's shape
 *   here, once for all ops.
 */

import { RegmeanError } from '../errors.ts';
import { formatShape } from '../tensor.ts';
import type { Node, Value } from './graph.ts';
import { add } from './ops/elementwise.ts';
import { reduceSum } from './ops/reduce.ts';
import { reshapeLike } from './ops/shape.ts';
import type { Size } from './sizes.ts';

/**
 * Appends the backward pass of a scalar.
 *
 * @param loss a scalar value
 * @param targets the values to differentiate by
 * @returns the gradient of each target, in order, of the target's shape
 * @throws when `loss` is no scalar, when an op on the way has no gradient rule, or when a target
 *   has no part in it
 */
export function gradients(loss: Value, targets: readonly Value[]): Value[] {
  if (loss.shape.length !== 0) {
    throw new RegmeanError(
      'invalid-input',
      `gradients: the loss must be a scalar, got ${formatShape(loss.shape)}`,
    );
  }
  const graph = loss.graph;
  const dependent = dependentValues(graph.nodes, targets);
  requireRules(loss, dependent);
  const cotangents = new Map<Value, Value>([[loss, graph.scalar(1, loss.dtype)]]);

  for (const node of [...graph.nodes].reverse()) {
    const outputs = node.outputs.map((output) => cotangents.get(output) ?? null);
    if (outputs.every((cotangent) => cotangent === null)) continue;
    if (!node.inputs.some((input) => input !== null && dependent.has(input))) continue;
    const vjp = node.op.vjp;
    if (vjp === undefined) continue;
    const ofInputs = graph.scope(`gradient/${node.name}`, () => vjp({ node, cotangents: outputs }));
    for (const [index, input] of node.inputs.entries()) {
      const contribution = ofInputs[index] ?? null;
      if (input === null || contribution === null || !dependent.has(input)) continue;
      const reduced = sumToShape(contribution, input);
      const sum = cotangents.get(input);
      cotangents.set(input, sum === undefined ? reduced : add(sum, reduced));
    }
  }

  return targets.map((target) => {
    const gradient = cotangents.get(target);
    if (gradient === undefined) {
      throw new RegmeanError('invalid-input', `gradients: the loss does not depend on ${target.name}`);
    }
    return gradient;
  });
}

/** Throws naming every op between the targets and the loss that has no rule, by type. */
function requireRules(loss: Value, dependent: ReadonlySet<Value>): void {
  const wanted = new Set<Value>([loss]);
  const missing = new Map<string, string[]>();
  for (const { op, name, inputs, outputs } of [...loss.graph.nodes].reverse()) {
    if (!outputs.some((output) => wanted.has(output) && dependent.has(output))) continue;
    for (const input of inputs) if (input !== null) wanted.add(input);
    if (op.vjp === undefined) missing.set(op.type, [name, ...(missing.get(op.type) ?? [])]);
  }
  if (missing.size === 0) return;
  const shown = [...missing].map(([type, names]) => {
    const first = names.slice(0, 3).join(', ');
    return `${type} (${names.length > 3 ? `${names.length} nodes: ${first}, ..` : first})`;
  });
  const rules = missing.size === 1 ? 'has no gradient rule' : 'have no gradient rules';
  throw new RegmeanError('unsupported', `gradients: ${shown.join('; ')} ${rules}`, {
    hint: 'parameters before them can be kept as they are with --freeze; statistics and merging need no gradients',
  });
}

/**
 * Every value that has a derivative by one of `targets`: integers and truth values (sizes, masks)
 * have none.
 */
function dependentValues(nodes: readonly Node[], targets: readonly Value[]): Set<Value> {
  const dependent = new Set<Value>(targets);
  for (const node of nodes) {
    if (node.inputs.some((input) => input !== null && dependent.has(input))) {
      for (const output of node.outputs) if (isFloat(output)) dependent.add(output);
    }
  }
  return dependent;
}

function isFloat(value: Value): boolean {
  return value.dtype === 'float32' || value.dtype === 'float64';
}

/** Sums a cotangent over the dimensions along which its input was broadcast. */
function sumToShape(cotangent: Value, input: Value): Value {
  const extra = cotangent.shape.length - input.shape.length;
  const axes = cotangent.shape.flatMap((dim: Size, axis): number[] => {
    if (axis < extra) return [axis];
    return input.shape[axis - extra] === 1 && dim !== 1 ? [axis] : [];
  });
  const summed = axes.length === 0 ? cotangent : reduceSum(cotangent, axes, true);
  return reshapeLike(summed, input);
}
