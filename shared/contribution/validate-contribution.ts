/**
 * @file Every check that a contribution passes before it may touch a round: cheap ones first,
 *   values last. Each refusal names the file or tensor and the rule.
 */

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { RegmeanError } from '../errors.ts';
import { listFolder } from '../files/atomic-folder.ts';
import { sha256OfFile } from '../files/checksum.ts';
import { functionDifferences } from '../formats/function-differences.ts';
import type { OpenModel, TensorShapes } from '../formats/model-format.ts';
import { withModel } from '../formats/open-model.ts';
import { listed } from '../listed.ts';
import type { LayerIndex } from '../models/layer-index.ts';
import type { LinearLayer } from '../models/linear-layers.ts';
import { isFloatDtype } from '../safetensors/dtype.ts';
import { readFloatBlocks } from '../safetensors/float-blocks.ts';
import type { TaskKind } from '../task.ts';
import { firstNotFinite, formatShape, sameShape } from '../tensor.ts';
import { otherVersionHint } from './base-identity.ts';
import { checkFactoredGram, checkGramValues } from './check-gram-values.ts';
import { checkNormLayers, checkNormShapes, checkNormValues } from './check-norms.ts';
import { contributionLayers, contributionNorms, contributionTask } from './contribution-layers.ts';
import { gramLayers } from './gram-layers.ts';
import { layerWeight } from './layer-weights.ts';
import { type ContributionManifest, manifestFile } from './manifest.ts';
import { type Contribution, openContribution } from './open-contribution.ts';
import type { FisherFile } from './open-fisher.ts';
import type { GramFile } from './open-grams.ts';
import { hasOutputGram } from './output-grams.ts';

/** What a round asks of a contribution; what is absent is not checked. */
export interface ContributionExpectations {
  readonly agent?: string;
  readonly baseFingerprint?: string;
  readonly task?: TaskKind;
  readonly labels?: readonly string[];
  /** Whether there must be Grams. */
  readonly grams?: boolean;
  /**
   * Whether the weight of a linear layer needs a Gram, where there must be Grams; all by default.
   */
  readonly needsGram?: (weight: string) => boolean;
  /** Fingerprint of the merged model that the Grams must have been collected in. */
  readonly inputsFrom?: string;
  /** Whether there must be Fisher information. */
  readonly fisher?: boolean;
  /** Whether there must be sums of all normalisation layers. */
  readonly norms?: boolean;
  /** Whether there must be output Grams, of the layers that need Grams. */
  readonly outputGrams?: boolean;
  /**
   * The exact tensors that there must be: those of an accepted contribution, or of the base with
   * its head.
   */
  readonly tensors?: TensorShapes;
  /** The base, whose network the contribution must have. */
  readonly networkOf?: string;
  /**
   * In what its function may differ from the base's: fields of config.json, parts of the tokenizer.
   */
  readonly allowDifferent?: readonly string[];
}

/**
 * Checks a contribution folder: manifest, files and their SHA-256, base fingerprint, task and
 * labels, names, shapes and dtypes of all tensors, the Grams' dimensions and row counts, and that
 * every value is finite, every Gram symmetric with entries that a sum of outer products can have,
 * sums of normalisation layers are of numbers and their squares, and no Fisher information is
 * negative.
 *
 * @returns the manifest
 * @throws RegmeanError `refused`, naming file or tensor and the rule
 */
export async function validateContribution(
  folder: string,
  expectations: ContributionExpectations = {},
): Promise<ContributionManifest> {
  const contribution = await openContribution(folder);
  try {
    const { manifest } = contribution;
    if (manifest === undefined) throw refused(`${folder}: must hold ${manifestFile}`);
    checkContributionManifest(folder, manifest, expectations);
    checkLabels(contribution, manifest);
    await checkTensors(contribution, expectations);
    if (expectations.grams === true && contribution.grams === undefined) {
      throw refused(`${folder}: must hold Grams`);
    }
    if (expectations.fisher === true && contribution.fisher === undefined) {
      throw refused(`${folder}: must hold Fisher information`);
    }
    if (expectations.norms === true && contribution.norms === undefined) {
      throw refused(`${folder}: must hold sums of normalisation layers`);
    }
    if (contribution.norms !== undefined) {
      checkNormShapes(contribution.norms, contribution.weights, 'refused');
      const known = expectations.norms === true ? await contributionNorms(contribution) : null;
      if (known !== null) checkNormLayers(contribution.norms, known);
    }
    if (expectations.outputGrams === true && contribution.outputGrams === undefined) {
      throw refused(`${folder}: must hold output Grams`);
    }
    if (contribution.fisher !== undefined) checkFisherTensors(contribution, contribution.fisher);
    for (const { file, side, isWanted } of gramFilesOf(contribution, expectations)) {
      const known = await contributionLayers(contribution);
      checkGramLayers(contribution, file, side, known);
      if (isWanted && known !== null) {
        const task = contributionTask(contribution);
        checkAllLayers(file, known, side, (layer) => hasGram(layer, side, task, expectations));
      }
    }
    await checkListedFiles(folder, manifest);
    if (expectations.networkOf !== undefined)
      await checkNetwork(contribution, expectations.networkOf, expectations.allowDifferent ?? []);
    await checkWeightValues(contribution);
    if (contribution.fisher !== undefined) await checkFisherValues(contribution.fisher);
    if (contribution.norms !== undefined) await checkNormValues(contribution.norms);
    for (const { file } of gramFilesOf(contribution, expectations)) await checkAllGramValues(file);
    return manifest;
  } finally {
    await contribution.close();
  }
}

/**
 * Checks what a manifest says against what is expected.
 *
 * @throws RegmeanError `refused` naming the field
 */
export function checkContributionManifest(
  folder: string,
  manifest: ContributionManifest,
  expected: ContributionExpectations,
): void {
  const where = join(folder, manifestFile);
  const same = (field: string, got: string, wanted: string | undefined, hint?: string): void => {
    if (wanted === undefined || got === wanted) return;
    const message = `${where}: ${field} must be ${wanted}, got ${got}`;
    throw new RegmeanError('refused', message, hint === undefined ? {} : { hint });
  };
  same('agent', manifest.agent, expected.agent);
  const baseHint =
    otherVersionHint('the contribution', manifest) ?? 'fine-tune from the base model of the round';
  same('base fingerprint', manifest.baseFingerprint, expected.baseFingerprint, baseHint);
  same('task', manifest.task, expected.task);
  same('labels', JSON.stringify(manifest.labels), jsonOf(expected.labels));
  const gramsHint = 'collect Grams in the merged model of the round, with regmean agent refine';
  const inputsFrom = manifest.statistics?.inputsFrom ?? 'none';
  same('fingerprint of the model of the Grams', inputsFrom, expected.inputsFrom, gramsHint);
  const unknown = manifest.seenLabels?.find((label) => !manifest.labels.includes(label));
  if (unknown !== undefined) throw refused(`${where}: seen label ${unknown} is not among the labels`);
}

function checkLabels({ folder, labels }: Contribution, manifest: ContributionManifest): void {
  if (manifest.labels.length === 0 || labels === undefined) return;
  const inConfig = JSON.stringify(labels);
  const inManifest = JSON.stringify(manifest.labels);
  if (inConfig !== inManifest) {
    throw refused(
      `${folder}: labels of config.json must be those of the manifest ${inManifest}, got ${inConfig}`,
    );
  }
}

/**
 * Compares the tensors with those that there must be. Others are refused by name, unless the base
 * has them too or they are of another head of its family: these are left out of every merge.
 */
async function checkTensors(
  { folder, weights }: Contribution,
  expected: ContributionExpectations,
): Promise<void> {
  for (const [name, { shape }] of expected.tensors ?? []) {
    const entry = weights.tensors.get(name);
    if (entry === undefined) throw refused(`${folder}: tensor ${name} is missing`);
    requireShape(folder, name, entry.shape, shape);
  }
  const others = [...weights.tensors.keys()].filter((name) => expected.tensors?.has(name) === false);
  if (others.length === 0) return;
  const stranger =
    expected.networkOf === undefined
      ? others[0]
      : await withModel(expected.networkOf, async (base) =>
          others.find((name) => !base.names.isOfFamily(name) && !base.weights.tensors.has(name)),
        );
  if (stranger !== undefined) throw refused(`${folder}: tensor ${stranger} is not one of the model`);
}

async function checkNetwork(
  { folder, model }: Contribution,
  base: string,
  allowed: readonly string[],
): Promise<void> {
  await withModel(base, async (own) => {
    if (own.kind !== model.kind) {
      throw refused(`${folder}: must be ${own.kind} like the base, is ${model.kind}`);
    }
    const difference = await own.differenceFrom(model);
    if (difference !== null) {
      throw refused(`${folder}: the network must be the base's, ${difference} differs`);
    }
    const differences = (await functionDifferences(own, model)).filter(
      ({ field }) => !allowed.includes(field) && !isLeftToHeads(field, own),
    );
    if (differences.length === 0) return;
    const sides = differences.map((one) => `${one.field}: the base has ${one.first}, got ${one.other}`);
    throw new RegmeanError(
      'refused',
      `${folder}: equal weights must mean what they do in the base: ${sides.join('; ')}`,
      { hint: 'fine-tune from the base model of the round, with its config.json and tokenizer' },
    );
  });
}

/** Whether a base says nothing of a field that only heads need: which token is padding. */
function isLeftToHeads(field: string, { config }: OpenModel): boolean {
  return field === 'pad_token_id' && (config.json.pad_token_id ?? null) === null;
}

function requireShape(folder: string, name: string, got: readonly number[], wanted: readonly number[]): void {
  if (sameShape(got, wanted)) return;
  throw refused(`${folder}: tensor ${name} must have shape ${formatShape(wanted)}, got ${formatShape(got)}`);
}

/** Which features of a layer the Grams of a file are of. */
type GramSide = 'inputs' | 'outputs';

/** The files of Grams that a contribution holds, and whether their Grams must be there. */
function gramFilesOf(
  { grams, outputGrams }: Contribution,
  expected: ContributionExpectations,
): readonly { readonly file: GramFile; readonly side: GramSide; readonly isWanted: boolean }[] {
  const wanted = [
    { file: grams, side: 'inputs' as const, isWanted: expected.grams === true },
    { file: outputGrams, side: 'outputs' as const, isWanted: expected.outputGrams === true },
  ];
  return wanted.flatMap(({ file, ...own }) => (file === undefined ? [] : [{ file, ...own }]));
}

/** Whether a layer must have a Gram on a side. */
function hasGram(
  layer: LinearLayer,
  side: GramSide,
  task: TaskKind,
  { needsGram = () => true }: ContributionExpectations,
): boolean {
  if (layer.gram === null || !needsGram(layer.weight)) return false;
  return side === 'inputs' || hasOutputGram(layer, task);
}

function checkGramLayers(
  { folder, weights }: Contribution,
  file: GramFile,
  side: GramSide,
  known: LayerIndex | null,
): void {
  const { path, grams, layers } = file;
  for (const [layer, gramName] of layers) {
    const { parameter, orientation } = layerWeight(layer, file.weights, known);
    const shape = weights.tensors.get(parameter)?.shape;
    if (shape === undefined) throw refused(`${path}: layer ${layer} has no weight in ${folder}`);
    const dimension = grams.get(gramName)?.dimension;
    const features = shape[(orientation === 'in-out') === (side === 'inputs') ? 0 : 1];
    if (shape.length !== 2 || dimension === undefined || dimension !== features) {
      const weight = `weight ${formatShape(shape)} of layer ${layer}`;
      throw refused(`${path}: Gram ${gramName} of dimension ${dimension} does not fit ${weight}`);
    }
  }
}

/** Refuses Grams without those of some linear layers: a merge could only average these. */
function checkAllLayers(
  file: GramFile,
  known: LayerIndex,
  side: GramSide,
  isNeeded: (layer: LinearLayer) => boolean,
): void {
  const { byModule } = gramLayers(file, known);
  const missing = known.layers.flatMap((layer) =>
    byModule.has(layer.module) || !isNeeded(layer) ? [] : [layer.module],
  );
  if (missing.length === 0) return;
  throw new RegmeanError(
    'refused',
    `${file.path}: Grams of all linear layers must be there, none of ${listed(missing)}`,
    { hint: `collect them with \`regmean stats${side === 'inputs' ? '' : ' --output-grams empirical'}\`` },
  );
}

function checkFisherTensors({ folder, weights }: Contribution, { path, tensors }: FisherFile): void {
  for (const [name, { shape }] of tensors) {
    const weight = weights.tensors.get(name);
    if (weight === undefined) throw refused(`${path}: tensor ${name} is no parameter of ${folder}`);
    requireShape(path, name, shape, weight.shape);
  }
}

async function checkFisherValues(fisher: FisherFile): Promise<void> {
  for (const name of fisher.tensors.keys()) {
    for await (const { start, values } of readFloatBlocks(fisher, name)) {
      const position = values.findIndex((value) => !(value >= 0 && value < Number.POSITIVE_INFINITY));
      if (position < 0) continue;
      const which = `value ${start + position} is ${values[position]}`;
      throw refused(`${fisher.path}: tensor ${name} must be finite and not negative, ${which}`);
    }
  }
}

/**
 * Checks that a folder holds the files that its manifest lists, with their bytes, and no others.
 *
 * @throws RegmeanError `refused` naming the file
 */
export async function checkListedFiles(folder: string, manifest: ContributionManifest): Promise<void> {
  for (const name of (await listFolder(folder)) ?? []) {
    if (name !== manifestFile && manifest.files[name] === undefined) {
      throw refused(`${join(folder, name)}: is not listed in ${manifestFile}`);
    }
  }
  for (const [name, { bytes, sha256 }] of Object.entries(manifest.files)) {
    const path = join(folder, name);
    const size = await stat(path).then(
      (found) => found.size,
      () => undefined,
    );
    if (size !== bytes) throw refused(`${path}: must have ${bytes} bytes, has ${size ?? 'no file'}`);
    const actual = await sha256OfFile(path);
    if (actual !== sha256) throw refused(`${path}: SHA-256 must be ${sha256}, is ${actual}`);
  }
}

async function checkWeightValues({ folder, weights }: Contribution): Promise<void> {
  for (const [name, entry] of weights.tensors) {
    if (!isFloatDtype(entry.dtype)) continue;
    for await (const { start, values } of readFloatBlocks(weights, name)) {
      const position = firstNotFinite(values);
      if (position < 0) continue;
      const which = `value ${start + position} of ${formatShape(entry.shape)}`;
      throw refused(`${folder}: tensor ${name} must be finite, ${which} is ${values[position]}`);
    }
  }
}

async function checkAllGramValues(file: GramFile): Promise<void> {
  for (const [name, { dimension, storage }] of file.grams) {
    const where = `${file.path}: Gram ${name}`;
    if (storage === 'factored') checkFactoredGram(where, await file.readFactored(name));
    else checkGramValues(where, await file.readStored(name), dimension, storage);
  }
}

function jsonOf(labels: readonly string[] | undefined): string | undefined {
  return labels === undefined ? undefined : JSON.stringify(labels);
}

function refused(message: string): RegmeanError {
  return new RegmeanError('refused', message);
}
