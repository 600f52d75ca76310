/**
 * @file The tensors of an adapter file, sorted by what they are: updates of modules, rows of
 *   embeddings, and parameters that are stored as a whole.
 */
import { join } from 'node:path';
import { RegmeanError } from '../errors.ts';
import { listFolder } from '../files/atomic-folder.ts';
import { openSafetensors, type SafetensorsFile } from '../safetensors/open-safetensors.ts';
import { firstNotFinite } from '../tensor.ts';

/** Name of the file with an adapter's weights. */
export const adapterWeightsFile = 'adapter_model.safetensors';
const pickledWeightsFile = 'adapter_model.bin';

/** Names of the tensors of one module's update. */
export interface AdapterUpdate {
  /** [rank, in]; of an embedding [rank, rows]. */
  readonly a: string;
  /** [out, rank]; of an embedding [width, rank]. */
  readonly b: string;
  /** [out], what is added to the module's bias, times the factor of the update. */
  readonly bias: string | null;
  /** [out], with DoRA. */
  readonly magnitude: string | null;
  readonly isEmbedding: boolean;
}

/**
 * An open adapter file. Modules and parameters have the names of the model that the adapter was
 * made on.
 */
export interface AdapterTensors {
  readonly file: SafetensorsFile;
  /** Module -> its update. */
  readonly updates: ReadonlyMap<string, AdapterUpdate>;
  /** Module -> the tensor of trained rows of its table, [tokens, width]. */
  readonly rows: ReadonlyMap<string, string>;
  /**
   * Parameter -> the tensor that stands for it: biases, modules saved as a whole, and what PEFT
   * stores of the base, embeddings of a grown vocabulary above all.
   */
  readonly whole: ReadonlyMap<string, string>;
}

/**
 * Opens the weights of an adapter folder.
 *
 * @throws RegmeanError `unsupported` for pickled weights and for tensors of an unknown part;
 *   `invalid-input` for an update without its other half and for tensors of several adapters
 */
export async function openAdapterTensors(folder: string): Promise<AdapterTensors> {
  const names = (await listFolder(folder)) ?? [];
  if (!names.includes(adapterWeightsFile)) throw withoutWeights(folder, names);
  const file = await openSafetensors(join(folder, adapterWeightsFile));
  try {
    return { file, ...(await sortTensors(file)) };
  } catch (error) {
    await file.close();
    throw error;
  }
}

function withoutWeights(folder: string, names: readonly string[]): RegmeanError {
  if (!names.includes(pickledWeightsFile)) {
    return new RegmeanError('not-found', `${folder}: must hold ${adapterWeightsFile}`);
  }
  const [from, to] = [join(folder, pickledWeightsFile), join(folder, adapterWeightsFile)];
  return new RegmeanError(
    'unsupported',
    `${folder}: weights must be safetensors, got only ${pickledWeightsFile}`,
    {
      hint:
        'convert them once in Python: import torch; from safetensors.torch import save_file; ' +
        `tensors = torch.load("${from}", map_location="cpu", weights_only=True); ` +
        `save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, "${to}")`,
    },
  );
}

/**
 * Values of an adapter's tensor.
 *
 * @throws RegmeanError `invalid-input` when one is not finite
 */
export async function readFinite(file: SafetensorsFile, tensor: string): Promise<Float32Array> {
  const { data } = await file.readFloat32(tensor);
  const at = firstNotFinite(data);
  if (at < 0) return data;
  throw new RegmeanError(
    'invalid-input',
    `${file.path}: tensor ${tensor} must be finite, got ${data[at]} at element ${at}`,
    { hint: 'the training of the adapter went wrong: train it again, with a lower learning rate' },
  );
}

/** A part of an update, `<module>.lora_A[.<adapter>][.weight]`. */
const part =
  /^(.*)\.lora_(A|B|embedding_A|embedding_B|magnitude_vector)(?:\.(?!weight$|bias$)[^.]+)?(?:\.(weight|bias))?$/;

/** Rows of an embedding, `<module>.token_adapter.trainable_tokens_delta[.<adapter>]`. */
const trainedRows = /^(.*)\.token_adapter\.trainable_tokens_delta(?:\.[^.]+)?$/;

/** What only the training needs. */
const ofTraining = /\.lora_(velora_embed|monteclora_sampler)(\.|$)|(^|\.)original_module\./;

async function sortTensors(
  file: SafetensorsFile,
): Promise<Pick<AdapterTensors, 'updates' | 'rows' | 'whole'>> {
  const updates = new Map<string, Map<string, string>>();
  const rows = new Map<string, string>();
  const whole = new Map<string, string>();
  for (const stored of file.tensors.keys()) {
    const name = stored.replace(wrappers, '');
    if (ofTraining.test(name)) continue;
    const [, module, kind = '', suffix] = part.exec(name) ?? [];
    const table = trainedRows.exec(name)?.[1];
    if (module !== undefined) {
      const own = updates.get(module) ?? new Map<string, string>();
      updates.set(module, own);
      await putOnce(file, own, suffix === 'bias' ? `${kind}.bias` : kind, stored);
    } else if (table !== undefined) {
      await putOnce(file, rows, table, stored);
    } else if (/(^|\.)(lora_|token_adapter\.(?!base_layer\.))/.test(name)) {
      throw unknownPart(file.path, stored);
    } else {
      await putOnce(file, whole, wholeName(name), stored);
    }
  }
  return {
    updates: new Map([...updates].map(([module, own]) => [module, updateOf(file.path, module, own)])),
    rows,
    whole,
  };
}

/** What PEFT and PyTorch put before the names of a model. */
const wrappers = /^(?:(?:_orig_mod|module)\.)*(?:base_model\.model\.)?(?:(?:_orig_mod|module)\.)*/;

/** The parameter that a tensor stands for, without the name of an adapter. */
function wholeName(name: string): string {
  return name
    .replace(/\.modules_to_save\.(?:[^.]+\.)?/, '.')
    .replace(/(?:\.token_adapter)?\.base_layer\./, '.');
}

/**
 * Two tensors for the same thing are of two adapters, except that PEFT stores embeddings of a grown
 * vocabulary twice.
 */
async function putOnce(
  file: SafetensorsFile,
  tensors: Map<string, string>,
  name: string,
  stored: string,
): Promise<void> {
  const other = tensors.get(name);
  if (other !== undefined) {
    const [one, two] = [await file.readBytes(other), await file.readBytes(stored)];
    if (Buffer.compare(one, two) !== 0) {
      throw new RegmeanError(
        'invalid-input',
        `${file.path}: must hold one adapter, got both ${other} and ${stored} with different values`,
        { hint: 'save the adapter alone: model.save_pretrained(FOLDER, selected_adapters=["NAME"])' },
      );
    }
  }
  tensors.set(name, stored);
}

function unknownPart(path: string, tensor: string): RegmeanError {
  return new RegmeanError(
    'unsupported',
    `${path}: tensor ${tensor} must be a part of an update that is known here`,
    { hint: 'merge it with the version of PEFT that it was made with: model.merge_and_unload()' },
  );
}

function updateOf(path: string, module: string, parts: ReadonlyMap<string, string>): AdapterUpdate {
  const isEmbedding = parts.has('embedding_A') || parts.has('embedding_B');
  const prefix = isEmbedding ? 'embedding_' : '';
  const [a, b] = [parts.get(`${prefix}A`), parts.get(`${prefix}B`)];
  if (a === undefined || b === undefined) {
    const missing = a === undefined ? 'A' : 'B';
    throw new RegmeanError(
      'invalid-input',
      `${path}: ${module} must have lora_${prefix}${missing}, has only ${[...parts.values()].join(', ')}`,
    );
  }
  const known = [`${prefix}A`, `${prefix}B`, 'B.bias', 'magnitude_vector'];
  const unknown = [...parts].find(([kind]) => !known.includes(kind))?.[1];
  if (unknown !== undefined) throw unknownPart(path, unknown);
  return {
    a,
    b,
    bias: parts.get('B.bias') ?? null,
    magnitude: parts.get('magnitude_vector') ?? null,
    isEmbedding,
  };
}
