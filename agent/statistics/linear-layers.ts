import type { Value } from '../../shared/graph/graph.ts';
import type { ModelGraph } from '../../shared/models/model-graph.ts';

/** Activations that linear layers read, and the layers that read them. */
export interface LinearGroup {
  /** Name of the Gram: the first module that reads the activations. */
  readonly name: string;
  /** Every module that reads them, in the order of the model. */
  readonly modules: readonly string[];
  /** One per use of the layers, each [rows, inputs]: several where layers are used several times (tied layers). */
  readonly inputs: readonly Value[];
}

/**
 * Finds the linear layers of a model in its graph: products whose right side is a parameter of the module's own
 * (paper, Section 3.3: whatever a forward hook on `nn.Linear` would see). A parameter that is also an embedding table is
 * no linear layer's: tied decoders are averaged with the embedding. A layer that is used several times has one Gram, of the
 * rows of all its uses. Layers that read the same activations share a group.
 */
export function findLinearGroups(model: ModelGraph): LinearGroup[] {
  const tables = new Set(
    model.graph.nodes.filter((node) => node.op.type === 'Gather').map((node) => node.inputs[0]),
  );
  const inputsOf = new Map<string, Value[]>();
  for (const node of model.graph.nodes) {
    if (node.op.type !== 'Gemm' && node.op.type !== 'MatMul') continue;
    const [input, weight] = node.inputs;
    if (input === undefined || input === null || weight?.role !== 'parameter' || tables.has(weight)) continue;
    const module = weight.name.replace(/\.weight$/, '');
    inputsOf.set(module, [...(inputsOf.get(module) ?? []), input]);
  }
  const groups = new Map<string, { modules: string[]; inputs: readonly Value[] }>();
  for (const [module, inputs] of inputsOf) {
    const key = inputs.map(({ name }) => name).join('\n');
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { modules: [module], inputs });
    else group.modules.push(module);
  }
  return [...groups.values()].map((group) => ({ ...group, name: group.modules[0] as string }));
}
