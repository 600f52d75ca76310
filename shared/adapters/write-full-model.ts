/**
 * @file Writes a base model and a LoRA adapter as one model folder, which everything else takes
 *   like any fine-tuned model.
 */
import { stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { baseFingerprint } from '../contribution/base-fingerprint.ts';
import { writeTrainingRecord } from '../contribution/training-record.ts';
import { RegmeanError } from '../errors.ts';
import { requireNewFolder, writeFolderAtomically } from '../files/atomic-folder.ts';
import { readConfigText } from '../models/config-json.ts';
import type { LayerIndex } from '../models/layer-index.ts';
import { loadModel } from '../models/model-folder.ts';
import { architectureOf, isKnownArchitecture } from '../models/registry.ts';
import { copySideFiles } from '../models/side-files.ts';
import { writeConfig } from '../models/written-config.ts';
import { type ModelWeights, openModelWeights, weightsFile } from '../safetensors/model-weights.ts';
import { type TensorToWrite, writeSafetensors } from '../safetensors/write-safetensors.ts';
import type { TaskKind } from '../task.ts';
import { formatShape, sameShape } from '../tensor.ts';
import { type AdapterConfig, readAdapterConfig } from './adapter-config.ts';
import {
  type AdapterTensors,
  type AdapterUpdate,
  openAdapterTensors,
  readFinite,
} from './adapter-tensors.ts';
import { applyUpdate, transposeMatrix } from './apply-update.ts';
import { configChangesFor, labelsFor } from './full-model-config.ts';
import { baseLayers, headNames } from './head-names.ts';

/** Which adapter, of which model. */
export interface FullModelOptions {
  /** Folder of the adapter. */
  readonly adapter: string;
  /** Folder of the base model; what adapter_config.json names when absent. */
  readonly base?: string;
  readonly task: TaskKind;
  /**
   * Names of the classes, in the order of the head; LABEL_0 .. when absent and the base has none.
   */
  readonly labels?: readonly string[];
  readonly out: string;
}

/** What was written. */
export interface FullModel {
  readonly out: string;
  readonly base: string;
  /** Modules whose weights were updated. */
  readonly updated: number;
  /** Parameters taken from the adapter as a whole. */
  readonly saved: number;
  readonly labels: readonly string[];
}

/**
 * Writes the full weights W + s B A, with config.json, tokenizer and a record of the base,
 * atomically.
 *
 * @throws RegmeanError when the base is not found, or a tensor of the adapter does not fit it,
 *   naming the tensor
 */
export async function writeFullModel(options: FullModelOptions): Promise<FullModel> {
  await requireNewFolder(options.out);
  const config = await readAdapterConfig(options.adapter);
  const base = await baseFolderOf(options, config);
  const { json: baseConfig, text: baseConfigText } = await readConfigText(base);
  const weights = await openModelWeights(base);
  let adapter: AdapterTensors | undefined;
  try {
    adapter = await openAdapterTensors(options.adapter);
    requireTargets(adapter, config);
    const head = headNames(baseConfig, options.task);
    const tensors = tensorsToWrite(weights, adapter, config, baseConfig, head, options.task);
    const labels = labelsFor(options, baseConfig, tensors);
    await writeFolderAtomically(options.out, async (folder) => {
      await writeSafetensors(join(folder, weightsFile), tensors, { format: 'pt' });
      await copySideFiles(base, folder);
      await writeConfig(folder, baseConfigText, 'F32', configChangesFor(baseConfig, options.task, labels));
      await requireWhole(folder, options, baseConfig);
      await writeTrainingRecord(folder, {
        task: options.task,
        labels: options.task === 'regression' ? [] : [...labels],
        baseFingerprint: await baseFingerprint(base),
      });
    });
    return { out: options.out, base, updated: adapter.updates.size, saved: adapter.saved.size, labels };
  } finally {
    await adapter?.file.close();
    await weights.close();
  }
}

/** Loads the result: a head that neither base nor adapter has would be found missing only later. */
async function requireWhole(
  folder: string,
  { adapter, task }: FullModelOptions,
  { model_type: modelType }: Readonly<Record<string, unknown>>,
): Promise<void> {
  if (!isKnownArchitecture(modelType)) return;
  try {
    await loadModel(folder, { task });
  } catch (error) {
    if (!(error instanceof RegmeanError)) throw error;
    throw new RegmeanError(error.code, error.message.replace(folder, `${adapter} with its base`), {
      cause: error,
      ...(error.message.includes('is missing')
        ? { hint: 'parameters of a new head must be in the adapter: modules_to_save' }
        : {}),
    });
  }
}

async function baseFolderOf(
  { adapter, base }: FullModelOptions,
  { baseName }: AdapterConfig,
): Promise<string> {
  if (base !== undefined) return base;
  for (const path of baseName === null ? [] : [baseName, join(adapter, baseName)]) {
    if (path === baseName && !isAbsolute(path)) continue;
    if ((await stat(path).catch(() => null))?.isDirectory() === true) return path;
  }
  const named = baseName === null ? '' : `, ${adapter} was made from "${baseName}"`;
  const sought =
    baseName === null || isAbsolute(baseName)
      ? ''
      : `, seen from the adapter ${join(adapter, baseName)}, no folder`;
  throw new RegmeanError('usage', `--base: needed: the folder of the base model${named}${sought}`);
}

function requireTargets(
  { file, updates }: AdapterTensors,
  { targetModules, modulesToSave }: AdapterConfig,
): void {
  if (updates.size === 0)
    throw new RegmeanError('invalid-input', `${file.path}: must hold LoRA tensors, has none`);
  const unmet = targetModules.find(
    (target) => ![...updates.keys()].some((module) => module === target || module.endsWith(`.${target}`)),
  );
  if (unmet !== undefined && !modulesToSave.includes(unmet)) {
    throw new RegmeanError(
      'invalid-input',
      `${file.path}: target module ${unmet} must have LoRA tensors, has none`,
    );
  }
}

/**
 * The base's tensors, updated or replaced, and those that only the adapter has. Older versions of
 * PEFT save heads unnamed.
 */
function tensorsToWrite(
  weights: ModelWeights,
  adapter: AdapterTensors,
  config: AdapterConfig,
  baseConfig: Readonly<Record<string, unknown>>,
  head: ReadonlySet<string>,
  task: TaskKind,
): readonly TensorToWrite[] {
  const { file, updates, saved } = adapter;
  const names = baseNames(weights, String(baseConfig.model_type));
  const layers = baseLayers(baseConfig, task);
  const updateOf = new Map<string, { readonly module: string; readonly update: AdapterUpdate }>();
  for (const [module, update] of updates) {
    const parameter = names.find(`${module}.weight`);
    if (parameter === null) throw stray(file.path, update.a, `${module}.weight`, weights.path);
    updateOf.set(parameter, { module, update });
  }
  const savedOf = new Map<string, string>();
  const added: TensorToWrite[] = [];
  for (const [name, stored] of saved) {
    const parameter = names.find(name);
    const data = (): Promise<Float32Array> => readFinite(file, stored);
    if (parameter !== null) savedOf.set(parameter, stored);
    else if (isOfSavedModule(name, config) || head.has(name))
      added.push({ name, shape: shapeOf(file, stored), data });
    else throw stray(file.path, stored, name, weights.path);
  }
  const kept = [...weights.tensors.keys()].map((name): TensorToWrite => {
    const stored = savedOf.get(name);
    const entry = updateOf.get(name);
    const shape = stored === undefined ? shapeOf(weights, name) : shapeOf(file, stored);
    const data = async (): Promise<Float32Array> => {
      if (stored !== undefined) return readFinite(file, stored);
      const { data: weight } = await weights.readFloat32(name);
      if (entry === undefined) return weight;
      return updatedWeight(adapter, config, layers, { ...entry, name, shape, weight });
    };
    return { name, shape, data };
  });
  for (const [name, { module, update }] of updateOf) {
    requireShapes(adapter, config, layers, { module, update, name, shape: shapeOf(weights, name) });
  }
  return [...kept, ...added];
}

function shapeOf(file: Pick<ModelWeights, 'tensors'>, name: string): readonly number[] {
  return file.tensors.get(name)?.shape ?? [];
}

function isOfSavedModule(name: string, { modulesToSave }: AdapterConfig): boolean {
  return modulesToSave.some((module) => `.${name}`.includes(`.${module}.`));
}

function stray(path: string, tensor: string, parameter: string, base: string): RegmeanError {
  return new RegmeanError(
    'invalid-input',
    `${path}: tensor ${tensor} must belong to a parameter of ${base}, which has no ${parameter}`,
    {
      hint: 'is this the base model that the adapter was trained on?',
    },
  );
}

/**
 * Finds the base's parameters by the adapter's names: checkpoints of the bare backbone leave its
 * name out, as some adapters do.
 */
function baseNames(weights: ModelWeights, modelType: string): { find(name: string): string | null } {
  const backbone = isKnownArchitecture(modelType) ? `${architectureOf(modelType).backboneName}.` : '.';
  return {
    find(name) {
      const candidates = [
        name,
        name.startsWith(backbone) ? name.slice(backbone.length) : `${backbone}${name}`,
      ];
      return candidates.find((candidate) => weights.tensors.has(candidate)) ?? null;
    },
  };
}

interface UpdatedParameter {
  readonly module: string;
  readonly update: AdapterUpdate;
  readonly name: string;
  readonly shape: readonly number[];
}

/** Whether the weight is stored [in, out] and must be turned around for B A. */
function isTurned(
  config: AdapterConfig,
  layers: LayerIndex | null,
  { module, update }: UpdatedParameter,
): boolean {
  if (update.isEmbedding) return true;
  return config.fanInFanOut || layers?.find(module)?.orientation === 'in-out';
}

function requireShapes(
  { file }: AdapterTensors,
  config: AdapterConfig,
  layers: LayerIndex | null,
  parameter: UpdatedParameter,
): void {
  const { module, update, shape } = parameter;
  const [outputs, inputs] = isTurned(config, layers, parameter) ? [...shape].reverse() : shape;
  const rank = config.rankOf(module);
  const expected = [
    [update.a, [rank, inputs]],
    [update.b, [outputs, rank]],
  ] as const;
  for (const [tensor, wanted] of expected) {
    const got = shapeOf(file, tensor);
    if (sameShape(got, wanted.map(Number))) continue;
    throw new RegmeanError(
      'invalid-input',
      `${file.path}: tensor ${tensor} must be ${formatShape(wanted.map(Number))} for ${parameter.name} ${formatShape(shape)} and rank ${rank}, got ${formatShape(got)}`,
    );
  }
  if (config.isDora !== (update.magnitude !== null)) {
    const found = update.magnitude === null ? 'has none' : 'has one without use_dora';
    throw new RegmeanError(
      'invalid-input',
      `${file.path}: ${module} must have a magnitude vector exactly with use_dora, ${found}`,
    );
  }
}

async function updatedWeight(
  { file }: AdapterTensors,
  config: AdapterConfig,
  layers: LayerIndex | null,
  parameter: UpdatedParameter & { readonly weight: Float32Array },
): Promise<Float32Array> {
  const { module, update, shape, weight } = parameter;
  const [rows = 0, columns = 0] = shape;
  const lowRank = {
    a: await readFinite(file, update.a),
    b: await readFinite(file, update.b),
    rank: config.rankOf(module),
    scaling: config.scalingOf(module),
  };
  const magnitude = update.magnitude === null ? null : await readFinite(file, update.magnitude);
  if (!isTurned(config, layers, parameter)) return applyUpdate(weight, lowRank, magnitude);
  const turned = applyUpdate(transposeMatrix(weight, rows, columns), lowRank, magnitude);
  return transposeMatrix(turned, columns, rows);
}
