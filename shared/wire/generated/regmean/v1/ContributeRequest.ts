// Original file: proto/regmean/v1/contribution.proto

import type { UploadManifest as _regmean_v1_UploadManifest, UploadManifest__Output as _regmean_v1_UploadManifest__Output } from '../../regmean/v1/UploadManifest.ts';
import type { FileChunk as _regmean_v1_FileChunk, FileChunk__Output as _regmean_v1_FileChunk__Output } from '../../regmean/v1/FileChunk.ts';
import type { CommitRequest as _regmean_v1_CommitRequest, CommitRequest__Output as _regmean_v1_CommitRequest__Output } from '../../regmean/v1/CommitRequest.ts';

/**
 * What an agent sends: one manifest, then chunks, then one commit.
 */
export interface ContributeRequest {
  'manifest'?: (_regmean_v1_UploadManifest | null);
  'chunk'?: (_regmean_v1_FileChunk | null);
  'commit'?: (_regmean_v1_CommitRequest | null);
  'step'?: "manifest"|"chunk"|"commit";
}

/**
 * What an agent sends: one manifest, then chunks, then one commit.
 */
export interface ContributeRequest__Output {
  'manifest'?: (_regmean_v1_UploadManifest__Output | null);
  'chunk'?: (_regmean_v1_FileChunk__Output | null);
  'commit'?: (_regmean_v1_CommitRequest__Output | null);
  'step'?: "manifest"|"chunk"|"commit";
}
