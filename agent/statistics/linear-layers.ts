import type { Value } from '../../shared/graph/graph.ts';
import type { ModelGraph } from '../../shared/models/model-graph.ts';

/** One activation that linear layers read, and the layers that read it. */
export interface LinearGroup {
  /** Name of the Gram: the first module that reads the activation. */
  readonly name: string;
  /** Every module that reads it, in the order of the model. */
  readonly modules: readonly string[];
  /** The activation, [rows, inputs]. */
  readonly input: Value;
}

/**
 * Finds the linear layers of a model in its graph: products whose right side is a parameter of the module's own
 * (paper, Section 3.3: whatever a forward hook on `nn.Linear` would see). A parameter that is also an embedding table is
 * no linear layer's: tied decoders are averaged with the embedding. Layers that read the same activation share a group.
 */
export function findLinearGroups(model: ModelGraph): LinearGroup[] {
  const tables = new Set(
    model.graph.nodes.filter((node) => node.op.type === 'Gather').map((node) => node.inputs[0]),
  );
  const groups = new Map<Value, string[]>();
  for (const node of model.graph.nodes) {
    if (node.op.type !== 'Gemm' && node.op.type !== 'MatMul') continue;
    const [input, weight] = node.inputs;
    if (input === undefined || input === null || weight?.role !== 'parameter' || tables.has(weight)) continue;
    const module = weight.name.replace(/\.weight$/, '');
    const modules = groups.get(input);
    if (modules === undefined) groups.set(input, [module]);
    else modules.push(module);
  }
  return [...groups].map(([input, modules]) => ({ name: modules[0] as string, modules, input }));
}
