// Original file: proto/regmean/v1/contribution.proto

import type { CommittedOffset as _regmean_v1_CommittedOffset, CommittedOffset__Output as _regmean_v1_CommittedOffset__Output } from '../../regmean/v1/CommittedOffset.ts';

/**
 * The answer to the manifest: what is already there. Chunks continue each file at its offset, file
 * by file in the order of the manifest.
 */
export interface ManifestAccepted {
  /**
   * One per file of the manifest, in its order.
   */
  'offsets'?: (_regmean_v1_CommittedOffset)[];
}

/**
 * The answer to the manifest: what is already there. Chunks continue each file at its offset, file
 * by file in the order of the manifest.
 */
export interface ManifestAccepted__Output {
  /**
   * One per file of the manifest, in its order.
   */
  'offsets': (_regmean_v1_CommittedOffset__Output)[];
}
