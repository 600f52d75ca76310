// Original file: proto/regmean/v1/contribution.proto

import type { ManifestAccepted as _regmean_v1_ManifestAccepted, ManifestAccepted__Output as _regmean_v1_ManifestAccepted__Output } from '../../regmean/v1/ManifestAccepted.ts';
import type { CommittedOffset as _regmean_v1_CommittedOffset, CommittedOffset__Output as _regmean_v1_CommittedOffset__Output } from '../../regmean/v1/CommittedOffset.ts';
import type { Validating as _regmean_v1_Validating, Validating__Output as _regmean_v1_Validating__Output } from '../../regmean/v1/Validating.ts';
import type { ContributionStored as _regmean_v1_ContributionStored, ContributionStored__Output as _regmean_v1_ContributionStored__Output } from '../../regmean/v1/ContributionStored.ts';

/**
 * What the merger answers: one `accepted` (or `stored`, when there is nothing left to do), then
 * `committed` as bytes reach the disk, then `validating` until `stored`. A refusal ends the stream
 * with a gRPC status instead.
 */
export interface ContributeResponse {
  'accepted'?: (_regmean_v1_ManifestAccepted | null);
  'committed'?: (_regmean_v1_CommittedOffset | null);
  'validating'?: (_regmean_v1_Validating | null);
  'stored'?: (_regmean_v1_ContributionStored | null);
  'step'?: "accepted"|"committed"|"validating"|"stored";
}

/**
 * What the merger answers: one `accepted` (or `stored`, when there is nothing left to do), then
 * `committed` as bytes reach the disk, then `validating` until `stored`. A refusal ends the stream
 * with a gRPC status instead.
 */
export interface ContributeResponse__Output {
  'accepted'?: (_regmean_v1_ManifestAccepted__Output | null);
  'committed'?: (_regmean_v1_CommittedOffset__Output | null);
  'validating'?: (_regmean_v1_Validating__Output | null);
  'stored'?: (_regmean_v1_ContributionStored__Output | null);
  'step'?: "accepted"|"committed"|"validating"|"stored";
}
