/** @file Linear layers without a Gram: why they are averaged, or that they may not be. */
import type { GramLayers } from '../../shared/contribution/gram-layers.ts';
import type { Contribution } from '../../shared/contribution/open-contribution.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { listed } from '../../shared/listed.ts';
import type { LinearLayer } from '../../shared/models/linear-layers.ts';
import { isFloatDtype } from '../../shared/safetensors/dtype.ts';
import type { AveragedLayer, MergeInputs } from './merge-step.ts';

/** Reasons for averaging a linear layer, as reports give them. */
export const reasons = {
  asked: 'averaged as asked',
  table: 'its weight is a table of embeddings too',
  nature: 'no Gram describes what it reads',
  unknownBase: 'the base has no such layer',
} as const;

/** Why a layer is averaged whether it has a Gram or not; null where it is solved for. */
export function whyAveraged({ kind }: Pick<LinearLayer, 'kind'>, isAsked: boolean): string | null {
  if (isAsked) return reasons.asked;
  return kind === 'embedding' ? reasons.table : null;
}

/** Why a layer has no Gram; null where it should have one. */
export function whyWithoutGram({ gram }: Pick<LinearLayer, 'gram'>): string | null {
  return gram === null ? reasons.nature : null;
}

/**
 * Of a model family that is not known: matrices without a Gram, each of which may be a linear
 * layer's weight, by name.
 */
export function possibleLayers(
  { contributions, parameters, isAveraged }: Pick<MergeInputs, 'contributions' | 'parameters' | 'isAveraged'>,
  solved: ReadonlySet<string>,
): ReadonlyMap<string, AveragedLayer> {
  const first = contributions[0] as Contribution;
  const isMatrix = (name: string): boolean => {
    const entry = first.weights.tensors.get(name);
    return entry?.shape.length === 2 && isFloatDtype(entry.dtype);
  };
  const names = parameters.filter((name) => isMatrix(name) && !solved.has(name));
  const unknown = `it may be a linear layer: the model family ${first.config.model_type ?? 'of config.json'} is not known`;
  return new Map(
    names.map((name) => [name, { layer: name, reason: isAveraged(name) ? reasons.asked : unknown }]),
  );
}

/** Linear layers that no contribution has a Gram of. Averaging them silently is no merge. */
export function noGrams(
  missing: readonly Pick<LinearLayer, 'module'>[],
  contributions: readonly Contribution[],
  grams: readonly GramLayers[],
): RegmeanError {
  const [file, own] = [contributions[0]?.grams, grams[0]];
  const sought = missing.map(({ module }) => module);
  const strangers = own?.strangers ?? [];
  const there =
    strangers.length === 0 ? '' : `, there are ${listed(strangers)}, which are no layers of the model`;
  if (own?.byModule.size === 0) {
    return new RegmeanError(
      'invalid-input',
      `${file?.path}: no Gram belongs to a parameter of the models: looked for ${listed(sought)}${there}`,
      { hint: namesHint },
    );
  }
  return new RegmeanError(
    'invalid-input',
    `${file?.path}: no Gram of ${missing.length === 1 ? 'linear layer' : 'linear layers'} ${listed(sought)}${there}`,
    {
      hint: 'collect the Grams of all layers with `regmean stats`, or have these averaged with --average PATTERN',
    },
  );
}

/**
 * Checks, of a model family that is not known, that Grams are named like parameters: otherwise
 * every layer would be averaged.
 *
 * @throws RegmeanError `invalid-input`, with names that were looked for and names that are there
 */
export function requireGramOfParameter(
  { contributions, allParameters }: Pick<MergeInputs, 'contributions' | 'allParameters'>,
  grams: readonly GramLayers[],
): void {
  const all = new Set(allParameters);
  const sought = [...(grams[0]?.weights.values() ?? [])].map(({ parameter }) => parameter);
  if (sought.some((parameter) => all.has(parameter))) return;
  const first = contributions[0] as Contribution;
  const matrices = allParameters.filter((name) => first.weights.tensors.get(name)?.shape.length === 2);
  throw new RegmeanError(
    'invalid-input',
    `${first.grams?.path}: no Gram belongs to a parameter of the models: looked for ${listed(sought)}, ` +
      `there are ${listed(matrices.length === 0 ? allParameters : matrices)}`,
    { hint: namesHint },
  );
}

const namesHint = 'Grams are named by module, for instance bert.encoder.layer.0.attention.self.query';
