import { createHash } from 'node:crypto';
import { isFloatDtype } from '../safetensors/dtype.ts';
import { readFloatBlocks } from '../safetensors/float-blocks.ts';
import type { TensorReader } from '../safetensors/open-safetensors.ts';

/** What fingerprints are digests of, and so how they begin; version 0.1 had another way. */
export const fingerprintFormat = 'regmean-base/2';
export const formerFormat = 'regmean-base/1';

/**
 * Identifies a base model by its values: SHA-256, as lower-case hex, over `regmean-base/2\n` and
 * then, for every floating point tensor in the order of their names (UTF-16 code units), `name
 * [shape]\n` (shape with commas and no spaces) and its values as little-endian float32. How the
 * weights are sharded does not matter; 1 MiB of values is in memory at a time.
 *
 * @param weights under canonical names, without buffers and tied copies, so that every spelling of
 *   a model has one fingerprint
 */
export function fingerprintWeights(weights: TensorReader): Promise<string> {
  return digestOf(fingerprintFormat, weights);
}

/**
 * The fingerprint that version 0.1 of this program gave a base: over all floating point tensors as
 * they are stored, beginning with `regmean-base/1\n`.
 */
export function formerFingerprint(stored: TensorReader): Promise<string> {
  return digestOf(formerFormat, stored);
}

async function digestOf(format: string, weights: TensorReader): Promise<string> {
  const hash = createHash('sha256').update(`${format}\n`);
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
