/** @file The linear layers of a model: which share a Gram, and how their weights are stored. */

import { type LayerWeight, layerWeight } from '../../shared/contribution/layer-weights.ts';
import type { Contribution } from '../../shared/contribution/open-contribution.ts';
import type { GramFile } from '../../shared/contribution/open-grams.ts';
import { RegmeanError } from '../../shared/errors.ts';
import type { LayerIndex } from '../../shared/models/layer-index.ts';
import type { Orientation } from '../../shared/models/linear-layers.ts';
import { formatShape } from '../../shared/tensor.ts';

/** One linear layer. */
export interface LinearLayer {
  readonly module: string;
  /** Name of its weight. */
  readonly parameter: string;
  readonly inputs: number;
  readonly outputs: number;
  readonly orientation: Orientation;
}

/**
 * Layers that read the same activation in every contribution: one system of equations with one
 * factorization.
 */
export interface LayerGroup {
  /** The first module. */
  readonly name: string;
  /** Input features d. */
  readonly dimension: number;
  readonly layers: readonly LinearLayer[];
  /** Name of the group's Gram in each contribution. */
  readonly gramNames: readonly string[];
}

/**
 * Groups the layers that have Grams by the Gram they read. Layers whose Grams are separate in one
 * contribution (made elsewhere, one per module) are separate groups. A module without a weight of
 * its own (a decoder tied to the embeddings) is in no group.
 *
 * @param contributions all with Grams
 * @param wanted parameters that are merged; layers with other weights are left out
 * @param known the models' own layers; null for a family that is not known
 * @throws RegmeanError `invalid-input` when only some contributions have a layer's Gram, or it does
 *   not fit the weight
 */
export function groupLayers(
  contributions: readonly Contribution[],
  wanted: ReadonlySet<string>,
  known: LayerIndex | null,
): readonly LayerGroup[] {
  const files = contributions.flatMap(({ grams }) => grams ?? []);
  const groups = new Map<string, { layers: LinearLayer[]; gramNames: string[] }>();
  for (const module of files[0]?.layers.keys() ?? []) {
    if (isUnwanted(contributions[0] as Contribution, module, wanted, known)) continue;
    const gramNames = files.map((file, index) => gramNameOf(file, module, contributions, index));
    const layer = linearLayerOf(contributions, files, module, gramNames, known);
    if (layer === undefined) continue;
    const key = JSON.stringify(gramNames);
    const group = groups.get(key) ?? { layers: [], gramNames };
    group.layers.push(layer);
    groups.set(key, group);
  }
  requireNoOtherLayers(files, contributions, wanted, known);
  return [...groups.values()].map(({ layers, gramNames }) => {
    const first = layers[0] as LinearLayer;
    return { name: first.module, dimension: first.inputs, layers, gramNames };
  });
}

/** Whether a layer's weight is a parameter that is not merged, or not by solving. */
function isUnwanted(
  contribution: Contribution,
  module: string,
  wanted: ReadonlySet<string>,
  known: LayerIndex | null,
): boolean {
  const { parameter } = weightOf(contribution, module, known);
  return contribution.weights.tensors.has(parameter) && !wanted.has(parameter);
}

/** The weight of a module of a contribution with Grams. */
function weightOf({ grams }: Contribution, module: string, known: LayerIndex | null): LayerWeight {
  return layerWeight(module, grams?.weights ?? new Map(), known);
}

function gramNameOf(
  file: GramFile,
  module: string,
  contributions: readonly Contribution[],
  index: number,
): string {
  const name = file.layers.get(module);
  if (name !== undefined) return name;
  const [first, other] = [contributions[0]?.agent, contributions[index]?.agent];
  throw new RegmeanError(
    'invalid-input',
    `${file.path}: no Gram of layer ${module}; ${first} has one, ${other} not`,
  );
}

function requireNoOtherLayers(
  files: readonly GramFile[],
  contributions: readonly Contribution[],
  wanted: ReadonlySet<string>,
  known: LayerIndex | null,
): void {
  const first = files[0]?.layers;
  for (const [index, { layers }] of files.entries()) {
    for (const module of layers.keys()) {
      if (first?.has(module) || isUnwanted(contributions[index] as Contribution, module, wanted, known))
        continue;
      const [ours, other] = [contributions[0]?.agent, contributions[index]?.agent];
      const message = `${files[0]?.path}: no Gram of layer ${module}; ${other} has one, ${ours} not`;
      throw new RegmeanError('invalid-input', message);
    }
  }
}

function linearLayerOf(
  contributions: readonly Contribution[],
  files: readonly GramFile[],
  module: string,
  gramNames: readonly string[],
  known: LayerIndex | null,
): LinearLayer | undefined {
  const first = contributions[0] as Contribution;
  const { parameter, orientation } = weightOf(first, module, known);
  const shape = first.weights.tensors.get(parameter)?.shape;
  if (shape === undefined) return undefined;
  const [inputs = 0, outputs = 0] = orientation === 'in-out' ? shape : [...shape].reverse();
  for (const [index, file] of files.entries()) {
    requireSameStorage(first, contributions[index] as Contribution, module, known);
    const dimension = file.grams.get(gramNames[index] as string)?.dimension;
    if (shape.length === 2 && dimension === inputs) continue;
    const weight = `${parameter} ${formatShape(shape)}`;
    throw new RegmeanError(
      'invalid-input',
      `${file.path}: Gram ${gramNames[index]} of dimension ${dimension} does not fit ${weight}`,
    );
  }
  return { module, parameter, inputs, outputs, orientation };
}

function requireSameStorage(
  first: Contribution,
  other: Contribution,
  module: string,
  known: LayerIndex | null,
): void {
  const [a, b] = [weightOf(first, module, known), weightOf(other, module, known)];
  if (a.parameter === b.parameter && a.orientation === b.orientation) return;
  throw new RegmeanError(
    'invalid-input',
    `${other.agent}: layer ${module} must have its weight in ${a.parameter} (${a.orientation}) as with ${first.agent}, ` +
      `got ${b.parameter} (${b.orientation})`,
  );
}
