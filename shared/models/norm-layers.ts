/** @file The one answer to which layers of a model normalise, and which parameters are theirs. */
import type { Node, Value } from '../graph/graph.ts';
import { inputLayout } from './layer-rows.ts';
import { buildModelGraph, type ModelGraph, type ModelIdentity } from './model-graph.ts';

/** A layer that normalises the last axis of its input x to x^, and gives gamma x^ + beta. */
export interface NormLayer {
  /** Name of gamma [features]. */
  readonly scale: string;
  /** Name of beta [features]; null where nothing that is learned is added. */
  readonly shift: string | null;
  readonly features: number;
}

/** A layer, and the nodes that it is in the graph: several where it is used several times. */
export interface UsedNormLayer extends NormLayer {
  readonly nodes: readonly Node[];
}

/** The normalisation layers of a model's graph. */
export interface NormLayers {
  /** In the order of the graph. */
  readonly layers: readonly UsedNormLayer[];
  /**
   * Scales of layers that no statistics describe, so that merging averages them: those whose rows
   * are neither tokens nor sequences, or whose parameters are used elsewhere too.
   */
  readonly leftOut: readonly string[];
}

/** Layer normalisation, and the one by the root mean square. */
const normTypes: ReadonlySet<string> = new Set(['LayerNormalization', 'SimplifiedLayerNormalization']);

/**
 * Finds the normalisation layers of a model in its graph: those whose scale is a parameter. A layer
 * that is used several times (ALBERT) is one.
 */
export function findNormLayers({ graph }: Pick<ModelGraph, 'graph'>): NormLayers {
  const nodesOf = new Map<Value, Node[]>();
  for (const node of graph.nodes) {
    const scale = node.inputs[1];
    if (!normTypes.has(node.op.type) || scale?.role !== 'parameter') continue;
    nodesOf.set(scale, [...(nodesOf.get(scale) ?? []), node]);
  }
  const layers: UsedNormLayer[] = [];
  const leftOut: string[] = [];
  for (const [scale, nodes] of nodesOf) {
    const shifts = new Set(nodes.map(({ inputs }) => inputs[2] ?? null));
    const [shift = null] = shifts;
    const isCounted =
      shifts.size === 1 &&
      shift?.role !== 'computed' &&
      nodes.every(({ inputs }) => inputLayout(inputs[0] as Value) !== null) &&
      isOnlyOf(nodes, graph.nodes, scale, 1) &&
      (shift?.role !== 'parameter' || isOnlyOf(nodes, graph.nodes, shift, 2));
    if (!isCounted) {
      leftOut.push(scale.name);
      continue;
    }
    layers.push({
      scale: scale.name,
      shift: shift?.role === 'parameter' ? shift.name : null,
      features: Number(scale.shape[0]),
      nodes,
    });
  }
  return { layers, leftOut };
}

/** Whether nothing but some nodes reads a value, and they as nothing but their input `place`. */
function isOnlyOf(own: readonly Node[], all: readonly Node[], value: Value, place: number): boolean {
  return all.every((node) =>
    node.inputs.every((input, index) => input !== value || (index === place && own.includes(node))),
  );
}

/** The normalisation layers of a model that statistics describe, in the order of its graph. */
export function normLayersOf(model: ModelIdentity): readonly NormLayer[] {
  const { layers } = findNormLayers(buildModelGraph(model, { withLoss: false, dropoutSeed: null }));
  return layers.map(({ nodes: _, ...layer }) => layer);
}
