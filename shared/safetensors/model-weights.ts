/**
 * @file The weights of a Hugging Face model folder: `model.safetensors`, or the shards that
 * `model.safetensors.index.json` lists, behind one reading interface.
 */

import { basename, join } from 'node:path';
import { RegmeanError } from '../errors.ts';
import { listFolder } from '../files/atomic-folder.ts';
import { jsonProblem, parseJson } from '../files/json-text.ts';
import { readText } from '../files/read-text.ts';
import { z } from '../zod.ts';
import type { TensorEntry } from './header.ts';
import { openSafetensors, type SafetensorsFile, type TensorReader } from './open-safetensors.ts';

/** Names of the weight files of a model folder. */
export const weightsFile = 'model.safetensors';
export const weightsIndexFile = 'model.safetensors.index.json';

/** The weights of a model folder; `path` is the folder. */
export interface ModelWeights extends TensorReader {
  /** The files that the weights lie in, by name. */
  readonly files: readonly string[];
}

const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

/**
 * Opens the weights of a model folder, whole or sharded.
 *
 * @throws RegmeanError `not-found` without a folder or without weights; `unsupported` when there
 *   are only weights of another format; `invalid-input` when the index and its shards do not agree
 */
export async function openModelWeights(folder: string): Promise<ModelWeights> {
  const names = await listFolder(folder);
  if (names === undefined) throw new RegmeanError('not-found', `${folder}: no such folder`);
  if (names.includes(weightsFile)) {
    const file = await openSafetensors(join(folder, weightsFile));
    return { ...file, path: folder, files: [weightsFile] };
  }
  if (names.includes(weightsIndexFile)) return openShards(folder);
  throw withoutSafetensors(folder, names);
}

/**
 * What the weights of other formats are converted with: arguments of Hugging Face's
 * `from_pretrained`.
 */
const otherFormats: readonly (readonly [RegExp, (name: string) => string])[] = [
  [/^pytorch_model.*\.bin$/, () => ''],
  [/^tf_model.*\.h5$/, () => ', from_tf=True'],
  [/^flax_model.*\.msgpack$/, () => ', from_flax=True'],
  [/\.gguf$/, (name) => `, gguf_file="${name}"`],
];

function withoutSafetensors(folder: string, names: readonly string[]): RegmeanError {
  for (const [pattern, argument] of otherFormats) {
    const name = names.find((own) => pattern.test(own));
    if (name === undefined) continue;
    return new RegmeanError('unsupported', `${folder}: weights must be safetensors, got only ${name}`, {
      hint:
        'convert them once with Hugging Face transformers: ' +
        `AutoModel.from_pretrained("${folder}"${argument(name)}).save_pretrained("${folder}", safe_serialization=True), ` +
        "with the AutoModel class of the model's head",
    });
  }
  return new RegmeanError('not-found', `${folder}: must hold ${weightsFile} or ${weightsIndexFile}`);
}

async function openShards(folder: string): Promise<ModelWeights> {
  const indexPath = join(folder, weightsIndexFile);
  const shardOf = await readIndex(indexPath);
  const files = [...new Set(shardOf.values())].sort();
  const open = new Map<string, SafetensorsFile>();
  const close = async (): Promise<void> => {
    for (const shard of open.values()) await shard.close();
  };
  try {
    for (const file of files) open.set(file, await openSafetensors(join(folder, file)));
    const tensors = collectTensors(indexPath, shardOf, open);
    const shard = (name: string): SafetensorsFile => {
      const file = open.get(shardOf.get(name) ?? '');
      if (file === undefined) throw new RegmeanError('not-found', `${indexPath}: no tensor ${name}`);
      return file;
    };
    return {
      path: folder,
      files: [weightsIndexFile, ...files],
      tensors,
      readFloat32: async (name) => shard(name).readFloat32(name),
      readFloat32Range: async (name, start, end, into) =>
        shard(name).readFloat32Range(name, start, end, into),
      readFloat64: async (name, into) => shard(name).readFloat64(name, into),
      readBytes: async (name) => shard(name).readBytes(name),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function readIndex(path: string): Promise<ReadonlyMap<string, string>> {
  let json: unknown;
  try {
    json = parseJson(await readText(path));
  } catch (cause) {
    if (cause instanceof RegmeanError) throw cause;
    throw new RegmeanError('invalid-input', `${path}: ${jsonProblem(cause)}`, { cause });
  }
  const index = indexSchema.safeParse(json);
  if (!index.success) {
    throw new RegmeanError('invalid-input', `${path}: weight_map must map tensor names to file names`);
  }
  const shardOf = new Map(Object.entries(index.data.weight_map));
  for (const [name, file] of shardOf) {
    if (file !== basename(file) || !file.endsWith('.safetensors')) {
      const rule = 'must lie in a .safetensors file of the same folder';
      throw new RegmeanError('invalid-input', `${path}: tensor ${name} ${rule}, got ${file}`);
    }
  }
  return shardOf;
}

function collectTensors(
  indexPath: string,
  shardOf: ReadonlyMap<string, string>,
  shards: ReadonlyMap<string, SafetensorsFile>,
): ReadonlyMap<string, TensorEntry> {
  const tensors = new Map<string, TensorEntry>();
  for (const [name, file] of shardOf) {
    const entry = shards.get(file)?.tensors.get(name);
    if (entry === undefined) {
      throw new RegmeanError('invalid-input', `${indexPath}: tensor ${name} is not in ${file}`);
    }
    tensors.set(name, entry);
  }
  for (const [file, shard] of shards) {
    for (const name of shard.tensors.keys()) {
      if (shardOf.get(name) === file) continue;
      throw new RegmeanError('invalid-input', `${indexPath}: does not list tensor ${name} of ${file}`);
    }
  }
  return tensors;
}
