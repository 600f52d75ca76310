/** @file Opens an ONNX model: a file, or a folder that holds `model.onnx`. */
import { open, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { RegmeanError } from '../errors.ts';
import { listFolder } from '../files/atomic-folder.ts';
import { pointerBytes, refuseLfsPointer } from '../files/lfs-pointer.ts';
import { decodeModel, type OnnxModel, type OnnxTensor } from '../graph/onnx-schema.ts';
import { configJsonBeside } from '../models/config-json.ts';
import { weightsFile, weightsIndexFile } from '../safetensors/model-weights.ts';
import { withoutFunctions } from './inline-functions.ts';
import { withLiftedWeights } from './lift-constants.ts';
import { isStandard, nodeName } from './nodes.ts';
import { withRawData } from './tensors.ts';
import { withUntiedCopies } from './untie-copies.ts';

/** Name of the graph in a model folder. */
export const onnxFile = 'model.onnx';

/** `model_type` in config.json of a folder whose network is an ONNX graph. */
export const onnxModelType = 'onnx';

/**
 * Oldest version of ONNX's operators that is read: older ones mean other things by the same names.
 */
const oldestOpset = 11;

const externalLocation = 1;

/** Names that tensors cannot have in safetensors files, or among the inputs of a run. */
const reservedNames: ReadonlySet<string> = new Set(['__metadata__', '__proto__']);

/** An ONNX model, checked, its small tensors in memory. */
export interface OnnxSource {
  /** The file. */
  readonly path: string;
  /** The folder it lies in, where configuration and tokenizer are looked for. */
  readonly folder: string;
  /**
   * Float32 throughout; initializers hold their bytes, except for those in the folder's
   * `model.safetensors`.
   */
  readonly model: OnnxModel;
  /** Version of ONNX's own operators. */
  readonly opset: number;
}

/**
 * The ONNX file of a model: the path itself, or `model.onnx` of a folder that is no other model;
 * null for others.
 */
export async function onnxFileOf(path: string): Promise<string | null> {
  if (path.endsWith('.onnx')) return path;
  const names = (await listFolder(path)) ?? [];
  const hasWeights = names.includes(weightsFile) || names.includes(weightsIndexFile);
  if (names.includes(onnxFile) && !hasWeights) return join(path, onnxFile);
  const config = names.length === 0 ? null : await configJsonBeside(path);
  return config?.model_type === onnxModelType ? join(path, onnxFile) : null;
}

/** The folder of a model that is given as a folder or as an ONNX file. */
export function modelFolderOf(path: string): string {
  return path.endsWith('.onnx') ? dirname(path) : path;
}

/**
 * Opens an ONNX file.
 *
 * @throws RegmeanError `not-found` without it or a file of external data; `invalid-input` when it
 *   is no ONNX file; `unsupported` for operators older than version 11, names that weights cannot
 *   have, and nodes with graphs of their own (If, Loop)
 */
export async function openOnnx(path: string): Promise<OnnxSource> {
  const model = decodeOnnx(path, await readOnnxFile(path));
  const opset = opsetOf(path, model);
  requirePlainGraph(path, model);
  const folder = dirname(path);
  const initializer: OnnxTensor[] = [];
  for (const tensor of model.graph.initializer) {
    const where = `${path}: initializer ${tensor.name}`;
    if (tensor.dataLocation !== externalLocation) initializer.push(withRawData(tensor, where));
    else if (locationOf(tensor) === weightsFile) initializer.push(tensor);
    else initializer.push(withRawData(await readExternal(folder, where, tensor), where));
  }
  const graph = { ...model.graph, initializer };
  return { path, folder, model: inFloat32({ ...model, graph }), opset };
}

/**
 * The message of an ONNX file's bytes: plain nodes, without functions of its own, and all weights
 * as initializers.
 */
export function decodeOnnx(path: string, bytes: Uint8Array): OnnxModel {
  let model: OnnxModel;
  try {
    model = decodeModel(bytes);
  } catch (cause) {
    throw new RegmeanError('invalid-input', `${path}: must be an ONNX file`, { cause });
  }
  if (model.graph.node.length > 0) return withUntiedCopies(withLiftedWeights(withoutFunctions(path, model)));
  throw new RegmeanError('invalid-input', `${path}: must be an ONNX file with nodes, got none`);
}

/** The bytes of an ONNX file. */
export async function readOnnxFile(path: string): Promise<Uint8Array> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new RegmeanError('not-found', `${path}: cannot be read`, { cause });
  });
  refuseLfsPointer(path, bytes);
  return bytes;
}

function opsetOf(path: string, { opsetImport }: OnnxModel): number {
  const own = opsetImport.find(({ domain }) => isStandard(domain));
  const version = Number(own?.version ?? 0);
  if (version >= oldestOpset) return version;
  throw new RegmeanError(
    'unsupported',
    `${path}: operators must be of version ${oldestOpset} or newer, got ${version}`,
    {
      hint: 'export again with a newer opset_version',
    },
  );
}

function requirePlainGraph(path: string, { graph }: OnnxModel): void {
  if ((graph.sparseInitializer ?? []).length > 0) {
    throw new RegmeanError('unsupported', `${path}: sparse initializers are not supported`);
  }
  const reserved = graph.initializer.find(({ name = '' }) => reservedNames.has(name));
  if (reserved !== undefined) {
    throw new RegmeanError('unsupported', `${path}: no initializer may be called ${reserved.name}`, {
      hint: 'rename it: safetensors files and JSON have another use for the name',
    });
  }
  for (const node of graph.node) {
    const nested = node.attribute?.some(({ g, graphs }) => g !== undefined || (graphs ?? []).length > 0);
    if (nested !== true) continue;
    throw new RegmeanError(
      'unsupported',
      `${path}: node ${nodeName(node)} (${node.opType}) has a graph of its own, which is not supported`,
      { hint: 'export without control flow, for instance by tracing' },
    );
  }
}

function locationOf({ externalData }: OnnxTensor): string | undefined {
  return externalData?.find(({ key }) => key === 'location')?.value;
}

/**
 * The tensor with its bytes from a file beside the model; the name must not lead out of the folder.
 */
async function readExternal(folder: string, where: string, tensor: OnnxTensor): Promise<OnnxTensor> {
  const location = locationOf(tensor) ?? '';
  if (location === '' || location !== basename(location) || location === '..' || location.includes('\\')) {
    throw new RegmeanError(
      'invalid-input',
      `${where}: external data must lie in a file beside the model, got ${location}`,
    );
  }
  const value = (key: string): number | undefined => {
    const text = tensor.externalData?.find((entry) => entry.key === key)?.value;
    return text === undefined ? undefined : Number(text);
  };
  const file = await open(join(folder, location), 'r').catch((cause: unknown) => {
    throw new RegmeanError('not-found', `${where}: external data ${join(folder, location)} cannot be read`, {
      cause,
    });
  });
  try {
    const { size } = await file.stat();
    const start = await file.read(Buffer.alloc(pointerBytes), 0, pointerBytes, 0);
    refuseLfsPointer(join(folder, location), start.buffer.subarray(0, start.bytesRead));
    const offset = value('offset') ?? 0;
    const length = value('length') ?? size - offset;
    if (!(offset >= 0 && length >= 0 && offset + length <= size)) {
      throw new RegmeanError(
        'invalid-input',
        `${where}: external data must lie within the ${size} bytes of ${location}, got ${offset} and ${length} more`,
      );
    }
    const rawData = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const { bytesRead } = await file.read(rawData, done, Math.min(1 << 28, length - done), offset + done);
      if (bytesRead === 0) throw new RegmeanError('invalid-input', `${where}: ${location} ended too early`);
      done += bytesRead;
    }
    const { externalData: _, dataLocation: __, ...rest } = tensor;
    return { ...rest, rawData };
  } finally {
    await file.close();
  }
}

/**
 * The model with float32 wherever it says float16: types of inputs and outputs, constants, and what
 * Cast makes.
 */
function inFloat32(model: OnnxModel): OnnxModel {
  const float16 = 10;
  const typed = (infos: OnnxModel['graph']['input']): OnnxModel['graph']['input'] =>
    infos.map((info) =>
      info.type?.tensorType?.elemType === float16
        ? { ...info, type: { tensorType: { ...info.type.tensorType, elemType: 1 } } }
        : info,
    );
  const { graph } = model;
  return {
    ...model,
    graph: {
      ...graph,
      input: typed(graph.input),
      output: typed(graph.output),
      ...(graph.valueInfo === undefined ? {} : { valueInfo: typed(graph.valueInfo) }),
      node: graph.node.map((node) => ({
        ...node,
        ...(node.attribute === undefined
          ? {}
          : {
              attribute: node.attribute.map((attribute) => {
                if (attribute.t?.dataType === float16)
                  return { ...attribute, t: withRawData(attribute.t, nodeName(node)) };
                const makesHalf = attribute.name === 'to' && Number(attribute.i) === float16;
                return makesHalf && node.opType === 'Cast' ? { ...attribute, i: 1 } : attribute;
              }),
            }),
      })),
    },
  };
}
