/**
 * @file Folders of TensorFlow.js LayersModels, read and written without TensorFlow.js. As
 *   TensorFlow.js saves one it is `model.json` with binary files beside it. Ours holds the weights
 *   as `model.safetensors` too, under TensorFlow.js' names, so that contributing, checking and
 *   merging are those of every other model; the binary file is left out where nobody opens it with
 *   TensorFlow.js.
 */
import { readFile, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { RegmeanError } from '../errors.ts';
import { listFolder } from '../files/atomic-folder.ts';
import { writeJsonAtomically } from '../files/atomic-write.ts';
import { refuseLfsPointer } from '../files/lfs-pointer.ts';
import { readJson } from '../files/read-json.ts';
import { configJsonBeside, configTextBeside } from '../models/config-json.ts';
import type { LinearLayer } from '../models/linear-layers.ts';
import { headMembers, writeConfig } from '../models/written-config.ts';
import { openSafetensors } from '../safetensors/open-safetensors.ts';
import { writeSafetensors } from '../safetensors/write-safetensors.ts';
import type { TaskKind } from '../task.ts';
import { type FloatTensor, formatShape, type StateDict, sameShape, sizeOf } from '../tensor.ts';
import { z } from '../zod.ts';
import { requireConnectedLayers } from './connected-layers.ts';
import { denseLayersOf } from './dense-layers.ts';
import { refuseGraphModel, refuseOtherFormats } from './other-formats.ts';

/** Name of the topology in a LayersModel folder. */
export const layersModelFile = 'model.json';

/** `model_type` in config.json of a LayersModel folder. */
export const layersModelType = 'tensorflow-js';

const binaryFile = 'weights.bin';
const safetensorsFile = 'model.safetensors';

const weightSchema = z.object({
  name: z.string().min(1),
  shape: z.array(z.int().nonnegative()),
  dtype: z.string(),
  quantization: z.unknown().optional(),
  group: z.string().optional(),
});
const layersModelSchema = z.looseObject({
  modelTopology: z.looseObject({}),
  weightsManifest: z.array(z.object({ paths: z.array(z.string()), weights: z.array(weightSchema) })).min(1),
});

type LayersModelJson = z.infer<typeof layersModelSchema>;

/** A LayersModel in memory. */
export interface LayersModelFile {
  readonly folder: string;
  readonly json: LayersModelJson;
  /** Weights by TensorFlow.js' names, in the order of the model. */
  readonly weights: StateDict;
}

/**
 * Whether a path is a LayersModel: its JSON file, or a folder with one that is no other model.
 *
 * @throws RegmeanError `unsupported` for files of Keras and SavedModels, which can become one
 */
export async function isLayersModel(path: string): Promise<boolean> {
  const isFile = (await stat(path).catch(() => null))?.isFile() === true;
  const names = isFile ? [] : ((await listFolder(path)) ?? []);
  refuseOtherFormats(path, isFile ? null : names);
  if (isFile) return path.endsWith('.json');
  const config = names.length === 0 ? null : await configJsonBeside(path);
  if (config !== null) return config.model_type === layersModelType;
  return names.includes(layersModelFile);
}

/** The folder of a LayersModel that is given as its JSON file or its folder. */
export async function layersModelFolder(path: string): Promise<string> {
  return (await stat(path).catch(() => null))?.isFile() === true ? dirname(path) : path;
}

/**
 * Reads a LayersModel.
 *
 * @param path its JSON file, or a folder with model.json
 * @throws RegmeanError `unsupported` for graph models, and weights that are quantized, no float32,
 *   or of one name; `invalid-input` when files are missing or of another size than the manifest
 *   says
 */
export async function openLayersModel(path: string): Promise<LayersModelFile> {
  const { folder, file, json } = await readTopology(path);
  const specs = weightSpecs(file, json);
  const names = (await listFolder(folder)) ?? [];
  const weights = names.includes(safetensorsFile)
    ? await readSafetensorsWeights(join(folder, safetensorsFile), specs)
    : await readBinaryWeights(folder, file, json);
  return { folder, json, weights };
}

interface TopologyFile {
  readonly folder: string;
  readonly file: string;
  readonly json: LayersModelJson;
}

async function readTopology(path: string): Promise<TopologyFile> {
  const folder = await layersModelFolder(path);
  const file = folder === path ? join(path, layersModelFile) : path;
  refuseGraphModel(file, (await readJson(file, z.looseObject({ format: z.unknown().optional() }))).format);
  const json = await readJson(file, layersModelSchema);
  requireConnectedLayers(file, json.modelTopology);
  return { folder, file, json };
}

type WeightSpec = z.infer<typeof weightSchema>;

function weightSpecs(file: string, { weightsManifest }: LayersModelJson): readonly WeightSpec[] {
  const specs = weightsManifest.flatMap(({ weights }) => weights).filter(isOfModel);
  for (const { name, dtype, quantization } of specs) {
    if (dtype === 'float32' && quantization === undefined) continue;
    const what = quantization === undefined ? dtype : 'quantized';
    throw new RegmeanError('unsupported', `${file}: weight ${name} must be float32, is ${what}`);
  }
  const names = new Set<string>();
  for (const { name } of specs) {
    if (names.has(name)) {
      throw new RegmeanError('unsupported', `${file}: weight names must be unique, two are ${name}`, {
        hint: `two models inside of the model have a layer ${name.split('/').at(-2) ?? name}, which TensorFlow.js cannot load again: give one another name and save anew`,
      });
    }
    names.add(name);
  }
  return specs;
}

/**
 * Whether a weight is the model's: one that was saved with its optimizer brings the optimizer's
 * too.
 */
function isOfModel({ group }: WeightSpec): boolean {
  return group !== 'optimizer';
}

async function readSafetensorsWeights(path: string, specs: readonly WeightSpec[]): Promise<StateDict> {
  const file = await openSafetensors(path);
  try {
    const weights = new Map<string, FloatTensor>();
    for (const { name, shape } of specs) {
      const found = file.tensors.get(name)?.shape;
      if (found === undefined || !sameShape(found, shape)) {
        const got = found === undefined ? 'nothing' : formatShape(found);
        throw new RegmeanError(
          'invalid-input',
          `${path}: weight ${name} must be ${formatShape(shape)}, got ${got}`,
        );
      }
      weights.set(name, await file.readFloat32(name));
    }
    return weights;
  } finally {
    await file.close();
  }
}

async function readBinaryWeights(folder: string, file: string, json: LayersModelJson): Promise<StateDict> {
  const weights = new Map<string, FloatTensor>();
  for (const { paths, weights: specs } of json.weightsManifest) {
    const parts: Buffer[] = [];
    for (const path of paths) {
      if (path !== basename(path)) {
        throw new RegmeanError(
          'invalid-input',
          `${file}: weights must lie in files of the same folder, got ${path}`,
        );
      }
      const part = await readFile(join(folder, path)).catch((cause: unknown) => {
        throw new RegmeanError('not-found', `${join(folder, path)}: no such file, ${file} names it`, {
          cause,
        });
      });
      refuseLfsPointer(join(folder, path), part);
      parts.push(part);
    }
    const bytes = Buffer.concat(parts);
    const expected = specs.reduce((sum, { shape }) => sum + 4 * sizeOf(shape), 0);
    if (bytes.length !== expected) {
      const rule = `${paths.join(', ')} must have ${expected} bytes together`;
      throw new RegmeanError('invalid-input', `${file}: ${rule}, got ${bytes.length}`);
    }
    let offset = 0;
    for (const spec of specs) {
      const end = offset + 4 * sizeOf(spec.shape);
      // A copy, whose bytes begin where floats may.
      const data = new Float32Array(new Uint8Array(bytes.subarray(offset, end)).buffer);
      if (isOfModel(spec)) weights.set(spec.name, { shape: spec.shape, data });
      offset = end;
    }
  }
  return weights;
}

/** What config.json of a written LayersModel says. */
export interface LayersModelConfig {
  /** Folder of the model that it was made from, whose config.json it goes on from. */
  readonly from: string;
  readonly task: TaskKind;
  /** Names of the outputs. */
  readonly classes: readonly string[];
}

/**
 * The linear layers of a LayersModel, from its model.json alone.
 *
 * @param path its JSON file, or a folder with model.json
 */
export async function layersModelLayers(path: string): Promise<readonly LinearLayer[]> {
  const { file, json } = await readTopology(path);
  return denseLayersOf(json.modelTopology, weightSpecs(file, json));
}

/**
 * Writes a LayersModel folder: model.json, the weights as safetensors and for TensorFlow.js, and
 * config.json, which says nothing of a head without `config`.
 */
export async function writeLayersModel(
  folder: string,
  json: LayersModelJson,
  weights: StateDict,
  config?: LayersModelConfig,
): Promise<void> {
  await writeLayersFiles(folder, json, weights, config);
  await writeBinaryWeights(folder);
}

/** The same without the weights for TensorFlow.js. */
export async function writeLayersFiles(
  folder: string,
  json: LayersModelJson,
  weights: StateDict,
  config?: LayersModelConfig,
): Promise<void> {
  const specs = [...weights].map(([name, { shape }]) => ({ name, shape: [...shape], dtype: 'float32' }));
  await writeJsonAtomically(join(folder, layersModelFile), {
    ...json,
    weightsManifest: [{ paths: [binaryFile], weights: specs }],
  });
  await writeSafetensors(
    join(folder, safetensorsFile),
    [...weights].map(([name, { shape, data }]) => ({ name, shape, data })),
  );
  const given = config === undefined ? null : await configTextBeside(config.from);
  await writeConfig(folder, given?.text ?? '{}', 'F32', {
    model_type: layersModelType,
    ...(config === undefined ? {} : headMembers(config.task, config.classes, undefined)),
  });
}

/** Writes the binary file that TensorFlow.js reads from the safetensors beside it. */
export async function writeBinaryWeights(folder: string): Promise<void> {
  const { weights } = await openLayersModel(folder);
  const parts = [...weights.values()].map(({ data }) => {
    const bytes = Buffer.alloc(4 * data.length);
    for (const [at, value] of data.entries()) bytes.writeFloatLE(value, 4 * at);
    return bytes;
  });
  await writeFile(join(folder, binaryFile), Buffer.concat(parts));
}

/**
 * What of a LayersModel must be equal for its weights to mean the same: the topology, keys in one
 * order.
 */
export function topologyText({ json }: LayersModelFile): string {
  return JSON.stringify(inOrder(json.modelTopology));
}

function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, own]) => [key, inOrder(own)]),
  );
}
