// Original file: proto/regmean/v1/contribution.proto

import type { FileInfo as _regmean_v1_FileInfo, FileInfo__Output as _regmean_v1_FileInfo__Output } from '../../regmean/v1/FileInfo.ts';

/**
 * What an agent is about to upload. Two manifests with the same files are the same contribution.
 */
export interface UploadManifest {
  /**
   * Name of the agent, one of the round's expected agents. With mutual TLS it must also be the
   * common name or a DNS name of the client certificate.
   */
  'agent'?: (string);
  /**
   * Every file of the contribution, `contribution.json` among them.
   */
  'files'?: (_regmean_v1_FileInfo)[];
  /**
   * The content of `contribution.json`, so that a contribution to another base is refused before
   * its bytes travel.
   */
  'contributionJson'?: (string);
  /**
   * Whether an accepted contribution of the same agent may be replaced by this one while the round
   * is open.
   */
  'replace'?: (boolean);
}

/**
 * What an agent is about to upload. Two manifests with the same files are the same contribution.
 */
export interface UploadManifest__Output {
  /**
   * Name of the agent, one of the round's expected agents. With mutual TLS it must also be the
   * common name or a DNS name of the client certificate.
   */
  'agent': (string);
  /**
   * Every file of the contribution, `contribution.json` among them.
   */
  'files': (_regmean_v1_FileInfo__Output)[];
  /**
   * The content of `contribution.json`, so that a contribution to another base is refused before
   * its bytes travel.
   */
  'contributionJson': (string);
  /**
   * Whether an accepted contribution of the same agent may be replaced by this one while the round
   * is open.
   */
  'replace': (boolean);
}
