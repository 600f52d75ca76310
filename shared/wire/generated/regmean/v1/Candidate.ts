// Original file: proto/regmean/v1/round.proto

import type { FileInfo as _regmean_v1_FileInfo, FileInfo__Output as _regmean_v1_FileInfo__Output } from '../../regmean/v1/FileInfo.ts';
import type { AgentModel as _regmean_v1_AgentModel, AgentModel__Output as _regmean_v1_AgentModel__Output } from '../../regmean/v1/AgentModel.ts';

/**
 * A model that may become the fused one; agents score it on data of their own.
 */
export interface Candidate {
  /**
   * Plain name, unique in the round.
   */
  'name'?: (string);
  /**
   * For people.
   */
  'title'?: (string);
  /**
   * The files of its folder. FetchCandidate takes them as `<candidate>/<name>`.
   */
  'files'?: (_regmean_v1_FileInfo)[];
  /**
   * With `heads: separate` every agent's model. FetchCandidate takes the files of an agent's own as
   * `<candidate>/heads/<agent>/<name>`.
   */
  'agentModels'?: (_regmean_v1_AgentModel)[];
}

/**
 * A model that may become the fused one; agents score it on data of their own.
 */
export interface Candidate__Output {
  /**
   * Plain name, unique in the round.
   */
  'name': (string);
  /**
   * For people.
   */
  'title': (string);
  /**
   * The files of its folder. FetchCandidate takes them as `<candidate>/<name>`.
   */
  'files': (_regmean_v1_FileInfo__Output)[];
  /**
   * With `heads: separate` every agent's model. FetchCandidate takes the files of an agent's own as
   * `<candidate>/heads/<agent>/<name>`.
   */
  'agentModels': (_regmean_v1_AgentModel__Output)[];
}
