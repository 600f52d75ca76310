/** @file The linear layers of a LayersModel, read from its topology without TensorFlow.js. */
import type { LinearLayer } from '../models/linear-layers.ts';

/** A weight as model.json lists it. */
export interface ListedWeight {
  readonly name: string;
  readonly shape: readonly number[];
}

/**
 * Every Dense layer of a LayersModel, those inside of models and of TimeDistributed layers
 * included, in the order of its weights. Kernels are stored [in, out]. Which layers read the same
 * activation shows only when the model runs, so each has a Gram of its own here.
 *
 * @param topology `modelTopology` of model.json
 */
export function denseLayersOf(topology: unknown, weights: readonly ListedWeight[]): readonly LinearLayer[] {
  const names = new Set<string>();
  collectDenses(topology, names);
  const outputs = outputNamesOf(topology);
  const layers = new Map<string, LinearLayer>();
  for (const { name: weight, shape } of weights) {
    const [owner = '', module = ''] = [weight.split('/').at(-2), weight.slice(0, weight.lastIndexOf('/'))];
    const [inputs, units] = shape;
    if (shape.length !== 2 || inputs === undefined || units === undefined) continue;
    if (!names.has(owner) || layers.has(module)) continue;
    const bias = weights.find(({ name, shape: own }) => name.startsWith(`${module}/`) && own.length === 1);
    layers.set(module, {
      ...{ module, weight, inputs, outputs: units, gram: module },
      bias: bias?.name ?? null,
      orientation: 'in-out',
      kind: outputs.has(owner) ? 'head' : 'encoder',
    });
  }
  return [...layers.values()];
}

/** Names under which Dense layers have their weights: TimeDistributed ones lend them theirs. */
function collectDenses(value: unknown, names: Set<string>, outerName?: string): void {
  if (Array.isArray(value)) for (const own of value) collectDenses(own, names);
  if (!isRecord(value) || Array.isArray(value)) return;
  const { class_name: className, config } = value;
  const name = isRecord(config) ? (outerName ?? config.name) : undefined;
  if (className === 'Dense' && typeof name === 'string') names.add(name);
  else if (className === 'TimeDistributed' && isRecord(config) && typeof name === 'string')
    collectDenses(config.layer, names, name);
  else for (const own of Object.values(value)) collectDenses(own, names);
}

/** Names of the layers that give the model's outputs. */
function outputNamesOf(topology: unknown): ReadonlySet<string> {
  const model = isRecord(topology) && isRecord(topology.model_config) ? topology.model_config : topology;
  const config = isRecord(model) && isRecord(model.config) ? model.config : {};
  const listed = [config.output_layers ?? lastLayer(config.layers)].flat(2);
  return new Set(listed.filter((name) => typeof name === 'string'));
}

function lastLayer(layers: unknown): unknown {
  const last: unknown = Array.isArray(layers) ? layers.at(-1) : undefined;
  return isRecord(last) && isRecord(last.config) ? last.config.name : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
