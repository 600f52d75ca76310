/** @file Hugging Face model folders: config.json, safetensors, tokenizer files. */
import { join } from 'node:path';
import { RegmeanError } from '../errors.ts';
import { changeJson } from '../files/json-text.ts';
import type { Architecture, ModelConfig } from '../models/architecture.ts';
import { type FamilyNames, familyNames } from '../models/canonical-names.ts';
import { classesNamedInConfig, headOutputs } from '../models/classes.ts';
import { withFolderNamed } from '../models/config.ts';
import { configDifferences } from '../models/config-differences.ts';
import { requirePlainWeights } from '../models/config-fields.ts';
import { type ConfigText, configFile, readConfigText } from '../models/config-json.ts';
import { withGenerationTokens } from '../models/generation-config.ts';
import { indexLayers } from '../models/layer-index.ts';
import { linearLayersOf } from '../models/linear-layers.ts';
import { firstProblems, type LoadedModel, readModel } from '../models/model-folder.ts';
import { buildModelGraph, type ModelIdentity } from '../models/model-graph.ts';
import { normLayersOf } from '../models/norm-layers.ts';
import { architectureOf, isKnownArchitecture } from '../models/registry.ts';
import type { ParameterDeclaration } from '../models/scope.ts';
import { contradictions, surplusOf } from '../models/surplus-tensors.ts';
import { taskOfClass } from '../models/task-of-class.ts';
import { openModelWeights } from '../safetensors/model-weights.ts';
import type { TensorReader } from '../safetensors/open-safetensors.ts';
import type { TaskKind } from '../task.ts';
import { type CanonicalWeights, canonicalWeights, unwrappedWeights } from './canonical-weights.ts';
import { fingerprintWeights, formerFingerprint } from './fingerprint-weights.ts';
import { type GraphModel, type ModelFormat, namesAsStored } from './model-format.ts';
import { writeModelFolder } from './write-model-folder.ts';

/** Every path that no other format takes is one, so that errors speak of the usual kind. */
export const huggingFace: ModelFormat = {
  engine: 'graph',
  holds: async () => true,
  open: openHuggingFace,
};

/** A family with a configuration. */
interface Family {
  readonly architecture: Architecture;
  readonly config: ModelConfig;
  readonly names: FamilyNames;
}

/** A folder's configuration, and its weights under the names of the family's graph. */
interface ReadFolder extends CanonicalWeights {
  readonly config: ConfigText;
  /** Null for a family that is not known, or does not take this configuration. */
  readonly family: Family | null;
}

/**
 * Opens a Hugging Face model folder. The family need not be known: its weights can be merged, but
 * not run.
 */
async function openHuggingFace(path: string): Promise<GraphModel> {
  const given = await readConfigText(path);
  requirePlainWeights(given.json, join(path, configFile));
  const files = await openModelWeights(path);
  const { config, family, weights, untied } = await readFolder(given, files).catch(async (error: unknown) => {
    await files.close();
    throw error;
  });
  const { model_type: modelType } = config.json;
  const named = <T>(work: () => T): T => withFolderNamed(path, work);
  const architecture = (): Architecture => named(() => architectureOf(modelType));
  const parsed = (): ModelConfig => named(() => architecture().parseConfig(config.json));
  const identityFor = (task: TaskKind, classes: readonly string[]): ModelIdentity => ({
    architecture: architecture(),
    config: parsed(),
    task,
    ...headOutputs(task, classes),
  });
  const declared = (task: TaskKind, labels: readonly string[]): ReadonlyMap<string, ParameterDeclaration> =>
    named(
      () => buildModelGraph(identityFor(task, labels), { withLoss: false, dropoutSeed: null }).parameters,
    );
  return {
    engine: 'graph',
    path,
    folder: path,
    kind: 'a Hugging Face model',
    kinds: 'Hugging Face models',
    config,
    weights,
    names: family?.names ?? namesAsStored,
    task: family === null ? null : taskOfClass(family.architecture, config.json),
    inputs: async () => parsed().inputs,
    hasFixedHead: false,
    requireOutputs: async () => {},
    classNames: async (task) => classesNamedInConfig(config.json, task, path),
    parametersFor: (task, labels) => (isKnownArchitecture(modelType) ? declared(task, labels) : null),
    linearLayers: async (task, labels) => {
      if (!isKnownArchitecture(modelType)) return null;
      return indexLayers(named(() => linearLayersOf(identityFor(task, labels))));
    },
    normLayers: async (task, labels) => {
      if (!isKnownArchitecture(modelType)) return null;
      return named(() => normLayersOf(identityFor(task, labels)));
    },
    tensorsFor: async (task, labels) =>
      new Map(
        [...declared(task, labels)].map(([name, { value }]) => [name, { shape: value.shape.map(Number) }]),
      ),
    fingerprint: () => fingerprintWeights(weights),
    isIdentifiedBy: async (fingerprint) =>
      (await fingerprintWeights(weights)) === fingerprint || (await formerFingerprint(files)) === fingerprint,
    differenceFrom: async () => null,
    fieldDifferences: (other, isCompared) => configDifferences(config.json, other.config.json, isCompared),
    writeNetwork: async () => {},
    className: (task) => family?.architecture.classNames[task] ?? null,
    surplusBeside: (parameters) => {
      if (family === null) return [];
      const surplus = surplusOf(weights.tensors.keys(), parameters, family);
      requireNoContradiction(path, family.architecture, surplus, parameters);
      return surplus;
    },
    load: async (request) => {
      const own = architecture();
      const loaded = await readModel({ where: path, config, architecture: own, weights }, request);
      requireTied(path, loaded, untied);
      const { headParameters, weights: parameters } = loaded.model;
      const isNew = (name: string): boolean => request.headSeed !== undefined && headParameters.has(name);
      requireNoContradiction(path, own, loaded.surplus, parameters, isNew);
      return withGenerationTokens(path, loaded);
    },
    writeFolder: (folder, task, labels) => {
      const target =
        family === null ? null : { ...identityFor(task, labels), parameters: declared(task, labels) };
      return writeModelFolder(folder, { path, given, config, files, weights }, target);
    },
    close: () => files.close(),
  };
}

async function readFolder(given: ConfigText, stored: TensorReader): Promise<ReadFolder> {
  const family = familyOf(given.json);
  if (family === null) return { config: given, family, weights: unwrappedWeights(stored), untied: [] };
  const read = await canonicalWeights(stored, family.names);
  const other = otherTying(given, family, read);
  if (other === null) return { config: given, family, ...read };
  return { ...other, ...(await canonicalWeights(stored, other.family.names)) };
}

/**
 * The configuration and family where the tensors show that the head is tied or not, other than
 * config.json says: then it is wrong, as `transformers` has it. Null where they agree.
 */
function otherTying(
  given: ConfigText,
  { architecture, config: own, names }: Family,
  { weights, untied }: CanonicalWeights,
): { readonly config: ConfigText; readonly family: Family } | null {
  const isTied = untied.length === 0;
  if (isTied && architecture.tiesAlways !== true) return null;
  const changes = { tie_word_embeddings: isTied, ...architecture.besideTying?.(own) };
  const config = { json: { ...given.json, ...changes }, text: changeJson(given.text, changes) };
  const family = familyOf(config.json);
  if (family === null) return null;
  const isShown = isTied
    ? [...family.names.copies].some(
        ([copy, parameter]) =>
          !names.copies.has(copy) && !(weights.tensors.has(copy) && weights.tensors.has(parameter)),
      )
    : untied.some((copy) => !family.names.copies.has(copy));
  return isShown ? { config, family } : null;
}

function familyOf(json: ConfigText['json']): Family | null {
  if (!isKnownArchitecture(json.model_type)) return null;
  const architecture = architectureOf(json.model_type);
  try {
    const config = architecture.parseConfig(json);
    return { architecture, config, names: familyNames(architecture, config) };
  } catch (error) {
    // What this program cannot run may be merged all the same; running it says what is wrong.
    if (error instanceof RegmeanError) return null;
    throw error;
  }
}

/**
 * Refuses tensors that say that config.json is not these weights'.
 *
 * @param isNew whether a parameter begins anew, so that what was beside it is of another head
 */
function requireNoContradiction(
  path: string,
  { backboneName }: Architecture,
  surplus: readonly string[],
  parameters: Pick<ReadonlyMap<string, unknown>, 'has' | 'keys'>,
  isNew: (name: string) => boolean = () => false,
): void {
  const wrong = contradictions(surplus, parameters, backboneName, isNew);
  if (wrong.length === 0) return;
  throw new RegmeanError('invalid-input', `${path}: weights must fit config.json: ${firstProblems(wrong)}`, {
    hint: 'take config.json from where the weights are from',
  });
}

/** Refuses a tied copy with values of its own in a part of the model that is computed. */
function requireTied(path: string, { model }: LoadedModel, untied: readonly string[]): void {
  const copy = untied.find((name) => {
    const part = `${name.split('.')[0]}.`;
    return [...model.weights.keys()].some((own) => own.startsWith(part));
  });
  if (copy === undefined) return;
  const table = model.architecture.tiedCopies(model.config)[copy];
  throw new RegmeanError(
    'unsupported',
    `${path}: ${copy} must equal ${table}, which it is tied to here, differs`,
  );
}
