// Original file: proto/regmean/v1/round.proto

import type { FileInfo as _regmean_v1_FileInfo, FileInfo__Output as _regmean_v1_FileInfo__Output } from '../../regmean/v1/FileInfo.ts';
import type { AgentModel as _regmean_v1_AgentModel, AgentModel__Output as _regmean_v1_AgentModel__Output } from '../../regmean/v1/AgentModel.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * What agents are asked for again, about a merge of what they sent. They send it by Contribute, as
 * the contribution that they sent with new statistics: the files that it has in common with the
 * stored one are there already, and do not travel again.
 */
export interface Refining {
  /**
   * `grams`: `grams.safetensors` of what the layers read in the interim model. `head`:
   * `head.safetensors`, what the data say of its head.
   */
  'wanted'?: (string);
  /**
   * The files of the interim model; FetchInterim takes them.
   */
  'files'?: (_regmean_v1_FileInfo)[];
  /**
   * With `heads: separate` every agent's interim model. FetchInterim takes the files of an agent's
   * own as `heads/<agent>/<name>`.
   */
  'agentModels'?: (_regmean_v1_AgentModel)[];
  /**
   * When the merger stops waiting, in milliseconds since 1970-01-01T00:00:00Z. Agents that have not
   * sent anything by then take part with what they sent before.
   */
  'deadlineUnixMs'?: (number | string | Long);
}

/**
 * What agents are asked for again, about a merge of what they sent. They send it by Contribute, as
 * the contribution that they sent with new statistics: the files that it has in common with the
 * stored one are there already, and do not travel again.
 */
export interface Refining__Output {
  /**
   * `grams`: `grams.safetensors` of what the layers read in the interim model. `head`:
   * `head.safetensors`, what the data say of its head.
   */
  'wanted': (string);
  /**
   * The files of the interim model; FetchInterim takes them.
   */
  'files': (_regmean_v1_FileInfo__Output)[];
  /**
   * With `heads: separate` every agent's interim model. FetchInterim takes the files of an agent's
   * own as `heads/<agent>/<name>`.
   */
  'agentModels': (_regmean_v1_AgentModel__Output)[];
  /**
   * When the merger stops waiting, in milliseconds since 1970-01-01T00:00:00Z. Agents that have not
   * sent anything by then take part with what they sent before.
   */
  'deadlineUnixMs': (number);
}
