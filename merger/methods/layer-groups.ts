/** @file The linear layers that are solved for: which share a Gram, and which are averaged. */

import { type GramLayers, gramLayers } from '../../shared/contribution/gram-layers.ts';
import type { Contribution } from '../../shared/contribution/open-contribution.ts';
import type { GramFile } from '../../shared/contribution/open-grams.ts';
import { RegmeanError } from '../../shared/errors.ts';
import type { LinearLayer } from '../../shared/models/linear-layers.ts';
import { formatShape } from '../../shared/tensor.ts';
import {
  noGrams,
  possibleLayers,
  requireGramOfParameter,
  whyAveraged,
  whyWithoutGram,
} from './averaged-layers.ts';
import type { AveragedLayer, MergeInputs } from './merge-step.ts';

/**
 * Layers that read the same activation in every contribution: one system of equations with one
 * factorization.
 */
export interface LayerGroup {
  /** The first module. */
  readonly name: string;
  /** Input features d. */
  readonly dimension: number;
  readonly layers: readonly SolvedLayer[];
  /** Name of the group's Gram in each contribution. */
  readonly gramNames: readonly string[];
}

/**
 * A layer with a Gram: where its weight is, how it is stored, and its size in the contributions.
 */
export type SolvedLayer = Pick<LinearLayer, 'module' | 'weight' | 'orientation' | 'inputs' | 'outputs'>;

/** What becomes of the linear layers. */
export interface LayerGroups {
  readonly groups: readonly LayerGroup[];
  /** Those that have no Gram, by the name of their weight. */
  readonly averaged: ReadonlyMap<string, AveragedLayer>;
}

type Inputs = Pick<MergeInputs, 'contributions' | 'parameters' | 'allParameters' | 'layers' | 'isAveraged'>;

/**
 * Groups the layers of the network by the Grams that they read. Layers whose Grams are separate in
 * one contribution (made elsewhere, one per module) are separate groups. Of a model family that is
 * not known the layers are those of the Gram files.
 *
 * @param inputs contributions with Grams; layers whose weights are not among its parameters are
 *   left out
 * @throws RegmeanError `invalid-input` when a layer has no Gram and nothing says why, only some
 *   contributions have it, or it does not fit the weight
 */
export function groupLayers(inputs: Inputs): LayerGroups {
  const { contributions, layers } = inputs;
  const files = contributions.map(({ grams }) => grams as GramFile);
  const grams = files.map((file) => gramLayers(file, layers));
  if (layers === null) requireGramOfParameter(inputs, grams);
  const candidates = weightsIn(inputs, layers?.layers ?? unknownLayers(grams, contributions));
  const averaged = new Map<string, AveragedLayer>();
  const missing: SolvedLayer[] = [];
  const groups = new Map<string, { layers: SolvedLayer[]; gramNames: readonly string[] }>();
  for (const layer of candidates) {
    const decided = whyAveraged(layer, inputs.isAveraged(layer.weight));
    const gramNames = decided === null ? gramsOf(layer, contributions, grams) : null;
    const reason = decided ?? (gramNames === null ? whyWithoutGram(layer) : null);
    if (reason !== null) averaged.set(layer.weight, { layer: layer.module, reason });
    else if (gramNames === null) missing.push(layer);
    else {
      requireFit(layer, gramNames, contributions, grams);
      const key = JSON.stringify(gramNames);
      const group = groups.get(key) ?? { layers: [], gramNames };
      group.layers.push(layer);
      groups.set(key, group);
    }
  }
  if (missing.length > 0) throw noGrams(missing, contributions, grams);
  const solved = new Set([...groups.values()].flatMap((group) => group.layers.map(({ weight }) => weight)));
  return {
    groups: [...groups.values()].map(({ layers: own, gramNames }) => {
      const first = own[0] as SolvedLayer;
      return { name: first.module, dimension: first.inputs, layers: own, gramNames };
    }),
    averaged: layers === null ? possibleLayers(inputs, solved) : averaged,
  };
}

/** A layer of the contributions, and whether a Gram can describe what it reads. */
export interface Candidate extends SolvedLayer, Pick<LinearLayer, 'gram' | 'kind'> {}

/** Those of some layers whose weights are merged, with their sizes in the contributions. */
export function weightsIn(
  { contributions, parameters }: Pick<MergeInputs, 'contributions' | 'parameters'>,
  layers: readonly Omit<Candidate, 'inputs' | 'outputs'>[],
): readonly Candidate[] {
  const first = contributions[0] as Contribution;
  const wanted = new Set(parameters);
  const merged = layers.filter(({ weight }) => wanted.has(weight));
  return merged.map((layer) => {
    const shape = first.weights.tensors.get(layer.weight)?.shape ?? [];
    const [inputs = 0, outputs = 0] = layer.orientation === 'in-out' ? shape : [...shape].reverse();
    return { ...layer, inputs, outputs };
  });
}

/**
 * The layers of Gram files. A module without a weight of its own (a decoder tied to the embeddings)
 * is none, but either all contributions have it or none.
 */
function unknownLayers(
  grams: readonly GramLayers[],
  contributions: readonly Contribution[],
): readonly Omit<Candidate, 'inputs' | 'outputs'>[] {
  const weights = new Map(grams.toReversed().flatMap((own) => [...own.weights]));
  for (const [module, { parameter }] of weights) {
    if (contributions[0]?.weights.tensors.has(parameter) === false) gramsOf({ module }, contributions, grams);
  }
  return [...weights].map(([module, { parameter, orientation }]) => ({
    ...{ module, weight: parameter, orientation, gram: module, kind: 'encoder' as const },
  }));
}

/** Name of a layer's Gram in each contribution; null where none has one. */
function gramsOf(
  { module }: Pick<SolvedLayer, 'module'>,
  contributions: readonly Contribution[],
  grams: readonly GramLayers[],
): readonly string[] | null {
  const names = grams.map(({ byModule }) => byModule.get(module));
  if (names.every((name) => name === undefined)) return null;
  const lacking = names.indexOf(undefined);
  if (lacking < 0) return names as readonly string[];
  const [own, other] = [contributions[lacking], contributions[names.findIndex((name) => name !== undefined)]];
  throw new RegmeanError(
    'invalid-input',
    `${own?.grams?.path}: no Gram of layer ${module}; ${other?.agent} has one, ${own?.agent} not`,
    { hint: 'collect the Grams of all layers: `regmean stats` does' },
  );
}

function requireFit(
  { module, weight, orientation, inputs }: SolvedLayer,
  gramNames: readonly string[],
  contributions: readonly Contribution[],
  grams: readonly GramLayers[],
): void {
  for (const [index, { grams: file, weights }] of contributions.entries()) {
    const path = file?.path;
    const name = gramNames[index] as string;
    const stated = grams[index]?.weights.get(module);
    if (stated !== undefined && (stated.parameter !== weight || stated.orientation !== orientation)) {
      const got = `${stated.parameter} (${stated.orientation})`;
      throw new RegmeanError(
        'invalid-input',
        `${path}: layer ${module} must have its weight in ${weight} (${orientation}), got ${got}`,
      );
    }
    const dimension = file?.grams.get(name)?.dimension;
    const shape = weights.tensors.get(weight)?.shape ?? [];
    if (shape.length === 2 && dimension === inputs) continue;
    throw new RegmeanError(
      'invalid-input',
      `${path}: Gram ${name} of dimension ${dimension} does not fit ${weight} ${formatShape(shape)}`,
    );
  }
}
