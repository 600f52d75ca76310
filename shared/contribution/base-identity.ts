/** @file How contributions and fine-tuned models name the base that they are from. */
import { fingerprintFormat, formerFormat } from '../formats/fingerprint-weights.ts';
import { withModel } from '../formats/open-model.ts';
import { z } from '../zod.ts';

/** SHA-256 in lower-case hex. */
export const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in lower-case hex');

/** Members of contribution.json and training.json. */
export const baseIdentityShape = {
  /** See fingerprint-weights.ts. */
  baseFingerprint: sha256Schema,
  /** What it is a digest of: `regmean-base/2`; absent in files of version 0.1, whose was `/1`. */
  baseFingerprintFormat: z.string().min(1).max(50).optional(),
} as const;

/** A base, identified by its values. */
export interface BaseIdentity {
  readonly baseFingerprint: string;
  readonly baseFingerprintFormat?: string | undefined;
}

/** Identifies a model of any kind. */
export async function baseIdentity(path: string): Promise<BaseIdentity> {
  return identified(await withModel(path, (model) => model.fingerprint()));
}

/** A fingerprint that this version made. */
export function identified(baseFingerprint: string): BaseIdentity {
  return { baseFingerprint, baseFingerprintFormat: fingerprintFormat };
}

/**
 * What to do about a fingerprint that another version of this program made, of whatever base; null
 * where it is one of this version's.
 *
 * @param whose it is, as a sentence begins: `north`
 */
export function otherVersionHint(
  whose: string,
  { baseFingerprintFormat: format = formerFormat }: Pick<BaseIdentity, 'baseFingerprintFormat'>,
): string | null {
  if (format === fingerprintFormat) return null;
  return (
    `${whose} was made by another version of regmean, which identifies bases in another way ` +
    `(${format}, here ${fingerprintFormat}): make it anew with this version, ` +
    'by regmean stats --base BASE'
  );
}
