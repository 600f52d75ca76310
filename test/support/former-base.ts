import type { BaseIdentity } from '../../shared/contribution/base-identity.ts';
import { formerFingerprint } from '../../shared/formats/fingerprint-weights.ts';
import { openModelWeights } from '../../shared/safetensors/model-weights.ts';

/** A base as version 0.1 identified it, in the files that it wrote. */
export async function formerBase(folder: string): Promise<BaseIdentity> {
  const weights = await openModelWeights(folder);
  try {
    return { baseFingerprint: await formerFingerprint(weights) };
  } finally {
    await weights.close();
  }
}
