import { createHash } from 'node:crypto';
import { openWeights } from '../onnx/open-weights.ts';
import { isFloatDtype } from '../safetensors/dtype.ts';
import { readFloatBlocks } from '../safetensors/float-blocks.ts';
import type { TensorReader } from '../safetensors/open-safetensors.ts';
import type { FloatTensor, StateDict } from '../tensor.ts';
import { isLayersModel, openLayersModel } from '../tensorflow/layers-model.ts';

const header = 'regmean-base/1\n';

/**
 * Identifies a base model by its values: SHA-256, as lower-case hex, over `regmean-base/1\n` and
 * then, for every floating point tensor in the order of their names (UTF-16 code units), `name
 * [shape]\n` (shape with commas and no spaces) and its values as little-endian float32. How the
 * weights are sharded does not matter; 1 MiB of values is in memory at a time.
 */
export async function fingerprintWeights(weights: TensorReader): Promise<string> {
  const hash = createHash('sha256').update(header);
  for (const name of [...weights.tensors.keys()].sort()) {
    const entry = weights.tensors.get(name);
    if (entry === undefined || !isFloatDtype(entry.dtype)) continue;
    hash.update(`${name} [${entry.shape.join(',')}]\n`);
    for await (const { values } of readFloatBlocks(weights, name)) {
      hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    }
  }
  return hash.digest('hex');
}

/** The same of weights in memory, all of them float32. */
function fingerprintTensors(weights: StateDict): string {
  const hash = createHash('sha256').update(header);
  for (const name of [...weights.keys()].sort()) {
    const { shape, data } = weights.get(name) as FloatTensor;
    hash.update(`${name} [${shape.join(',')}]\n`);
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex');
}

/**
 * The fingerprint of a model folder, an ONNX file, or a TensorFlow.js model; see {@link
 * fingerprintWeights}.
 */
export async function baseFingerprint(folder: string): Promise<string> {
  if (await isLayersModel(folder)) return fingerprintTensors((await openLayersModel(folder)).weights);
  const weights = await openWeights(folder);
  try {
    return await fingerprintWeights(weights);
  } finally {
    await weights.close();
  }
}
