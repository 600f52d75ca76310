// Original file: proto/regmean/v1/round.proto

import type { FileInfo as _regmean_v1_FileInfo, FileInfo__Output as _regmean_v1_FileInfo__Output } from '../../regmean/v1/FileInfo.ts';

/**
 * A model that is one agent's: the fused encoder with that agent's own head.
 */
export interface AgentModel {
  'agent'?: (string);
  /**
   * The files of its folder. FetchFused takes them as `heads/<agent>/<name>`.
   */
  'files'?: (_regmean_v1_FileInfo)[];
}

/**
 * A model that is one agent's: the fused encoder with that agent's own head.
 */
export interface AgentModel__Output {
  'agent': (string);
  /**
   * The files of its folder. FetchFused takes them as `heads/<agent>/<name>`.
   */
  'files': (_regmean_v1_FileInfo__Output)[];
}
