/**
 * @file The tensors of an adapter file, sorted by what they are: updates of modules, and parameters
 *   saved as a whole.
 */
import { join } from 'node:path';
import { RegmeanError } from '../errors.ts';
import { listFolder } from '../files/atomic-folder.ts';
import { openSafetensors, type SafetensorsFile } from '../safetensors/open-safetensors.ts';
import { firstNotFinite } from '../tensor.ts';

const adapterWeightsFile = 'adapter_model.safetensors';

/** Names of the tensors of one module's update. */
export interface AdapterUpdate {
  /** [rank, in]; of an embedding [rank, rows]. */
  readonly a: string;
  /** [out, rank]; of an embedding [width, rank]. */
  readonly b: string;
  /** [out], with DoRA. */
  readonly magnitude: string | null;
  readonly isEmbedding: boolean;
}

/** An open adapter file. */
export interface AdapterTensors {
  readonly file: SafetensorsFile;
  /** Module -> its update. */
  readonly updates: ReadonlyMap<string, AdapterUpdate>;
  /** Parameter -> the tensor that replaces it: biases, and modules saved as a whole. */
  readonly saved: ReadonlyMap<string, string>;
}

/**
 * Opens the weights of an adapter folder.
 *
 * @throws RegmeanError `unsupported` for pickled weights; `invalid-input` for an update without its
 *   other half
 */
export async function openAdapterTensors(folder: string): Promise<AdapterTensors> {
  const names = (await listFolder(folder)) ?? [];
  if (!names.includes(adapterWeightsFile)) throw withoutWeights(folder, names);
  const file = await openSafetensors(join(folder, adapterWeightsFile));
  try {
    return { file, ...sortTensors(file) };
  } catch (error) {
    await file.close();
    throw error;
  }
}

function withoutWeights(folder: string, names: readonly string[]): RegmeanError {
  if (!names.includes('adapter_model.bin')) {
    return new RegmeanError('not-found', `${folder}: must hold ${adapterWeightsFile}`);
  }
  return new RegmeanError(
    'unsupported',
    `${folder}: weights must be safetensors, got only adapter_model.bin`,
    {
      hint:
        'convert them once in Python: from safetensors.torch import save_file; ' +
        `save_file(torch.load("${folder}/adapter_model.bin"), "${folder}/${adapterWeightsFile}")`,
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

const partNames = /^(.*)\.lora_(A|B|embedding_A|embedding_B|magnitude_vector)(\.[^.]+)?(\.weight)?$/;

function sortTensors(file: SafetensorsFile): Pick<AdapterTensors, 'updates' | 'saved'> {
  const parts = new Map<string, Map<string, string>>();
  const saved = new Map<string, string>();
  for (const stored of file.tensors.keys()) {
    const name = stored.replace(/^base_model\.model\./, '');
    if (/(^|\.)original_module\./.test(name)) continue;
    const [, module, part] = partNames.exec(name) ?? [];
    if (module === undefined || part === undefined) {
      saved.set(name.replace(/\.modules_to_save(\.[^.]+(?=\.))?/, '').replace('.base_layer.', '.'), stored);
    } else {
      const own = parts.get(module) ?? new Map<string, string>();
      parts.set(module, own.set(part, stored));
    }
  }
  const updates = new Map([...parts].map(([module, own]) => [module, updateOf(file.path, module, own)]));
  return { updates, saved };
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
  return { a, b, magnitude: parts.get('magnitude_vector') ?? null, isEmbedding };
}
