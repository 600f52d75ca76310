/** @file The linear layer whose outputs are a model's logits. */
import { RegmeanError } from '../errors.ts';
import type { Value } from '../graph/graph.ts';
import { findLinearLayers, type LinearLayer, linearProductOf } from './linear-layers.ts';
import type { ModelGraph } from './model-graph.ts';

/** A layer that gives the logits, and what it reads. */
export interface OutputLayer {
  readonly layer: LinearLayer;
  /** [rows, inputs], or with several axes of rows. */
  readonly input: Value;
}

/** Operators that leave the rows and values of a product what they are. */
const movingRows: ReadonlySet<string> = new Set(['Reshape', 'Identity', 'Squeeze', 'Unsqueeze']);

/**
 * Finds the layer whose products, with a bias at most, are the logits.
 *
 * @throws RegmeanError `unsupported` where something else is done to its products, or its weight
 *   does more than this
 */
export function outputLayerOf(model: ModelGraph): OutputLayer {
  let value = model.logits;
  for (;;) {
    const { producer } = value;
    const product = producer === null ? null : linearProductOf(producer);
    if (product !== null) return { layer: layerOf(model, product.parameter), input: product.input };
    const next = producer === null ? undefined : withoutBias(producer.op.type, producer.inputs);
    if (next === undefined) {
      const last = producer?.op.type ?? value.name;
      throw unsupported(`logits must be the products of a linear layer, they come from ${last}`);
    }
    value = next;
  }
}

function layerOf(model: ModelGraph, weight: Value): LinearLayer {
  const layer = findLinearLayers(model).layers.find((own) => own.weight === weight.name);
  if (layer === undefined || layer.gram === null) {
    throw unsupported(`${weight.name} must give the logits and do nothing else`);
  }
  return layer;
}

/** What an operator was given, where it only moves rows, or adds a bias. */
function withoutBias(type: string, inputs: readonly (Value | null)[]): Value | undefined {
  const computed = inputs.filter((own) => own?.role === 'computed');
  const [only] = computed;
  if (movingRows.has(type)) return only ?? undefined;
  const bias = inputs.find((own) => own?.role === 'parameter' && own.shape.length === 1);
  return type === 'Add' && bias !== undefined && computed.length === 1 ? (only ?? undefined) : undefined;
}

function unsupported(message: string): RegmeanError {
  return new RegmeanError('unsupported', `head: ${message}`);
}
