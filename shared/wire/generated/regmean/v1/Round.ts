// Original file: proto/regmean/v1/round.proto

import type { RoundState as _regmean_v1_RoundState, RoundState__Output as _regmean_v1_RoundState__Output } from '../../regmean/v1/RoundState.ts';
import type { BaseModel as _regmean_v1_BaseModel, BaseModel__Output as _regmean_v1_BaseModel__Output } from '../../regmean/v1/BaseModel.ts';
import type { TrainingHints as _regmean_v1_TrainingHints, TrainingHints__Output as _regmean_v1_TrainingHints__Output } from '../../regmean/v1/TrainingHints.ts';
import type { StatisticsWanted as _regmean_v1_StatisticsWanted, StatisticsWanted__Output as _regmean_v1_StatisticsWanted__Output } from '../../regmean/v1/StatisticsWanted.ts';
import type { MergePlan as _regmean_v1_MergePlan, MergePlan__Output as _regmean_v1_MergePlan__Output } from '../../regmean/v1/MergePlan.ts';
import type { AgentProgress as _regmean_v1_AgentProgress, AgentProgress__Output as _regmean_v1_AgentProgress__Output } from '../../regmean/v1/AgentProgress.ts';
import type { FileInfo as _regmean_v1_FileInfo, FileInfo__Output as _regmean_v1_FileInfo__Output } from '../../regmean/v1/FileInfo.ts';
import type { DataHints as _regmean_v1_DataHints, DataHints__Output as _regmean_v1_DataHints__Output } from '../../regmean/v1/DataHints.ts';
import type { AgentModel as _regmean_v1_AgentModel, AgentModel__Output as _regmean_v1_AgentModel__Output } from '../../regmean/v1/AgentModel.ts';
import type { Scoring as _regmean_v1_Scoring, Scoring__Output as _regmean_v1_Scoring__Output } from '../../regmean/v1/Scoring.ts';
import type { Refining as _regmean_v1_Refining, Refining__Output as _regmean_v1_Refining__Output } from '../../regmean/v1/Refining.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * The whole state of a round, as GetRound answers it.
 */
export interface Round {
  'name'?: (string);
  'state'?: (_regmean_v1_RoundState);
  /**
   * Why the round failed; empty otherwise.
   */
  'failure'?: (string);
  /**
   * `text-classification`, `multi-label-classification`, `regression` or `token-classification`.
   */
  'task'?: (string);
  /**
   * Names of the classes in the order of the head's outputs; empty for `regression`.
   */
  'labels'?: (string)[];
  /**
   * Seed of the task head's initial weights, the same for every agent.
   */
  'headSeed'?: (number);
  /**
   * How many contributions are enough once the deadline has passed.
   */
  'quorum'?: (number);
  /**
   * When the round closes, in milliseconds since 1970-01-01T00:00:00Z; absent means it waits for
   * every agent.
   */
  'deadlineUnixMs'?: (number | string | Long);
  'base'?: (_regmean_v1_BaseModel | null);
  'training'?: (_regmean_v1_TrainingHints | null);
  'statistics'?: (_regmean_v1_StatisticsWanted | null);
  'merge'?: (_regmean_v1_MergePlan | null);
  /**
   * Every expected agent, in the order of the recipe.
   */
  'agents'?: (_regmean_v1_AgentProgress)[];
  /**
   * The files of the fused model; empty until the state is MERGED.
   */
  'fusedFiles'?: (_regmean_v1_FileInfo)[];
  'data'?: (_regmean_v1_DataHints | null);
  /**
   * With `heads: separate` every agent's model; empty otherwise, and until the state is MERGED.
   */
  'agentModels'?: (_regmean_v1_AgentModel)[];
  /**
   * Only in the state SCORING.
   */
  'scoring'?: (_regmean_v1_Scoring | null);
  /**
   * Only in the state REFINING.
   */
  'refining'?: (_regmean_v1_Refining | null);
  '_deadlineUnixMs'?: "deadlineUnixMs";
  '_scoring'?: "scoring";
  '_refining'?: "refining";
}

/**
 * The whole state of a round, as GetRound answers it.
 */
export interface Round__Output {
  'name': (string);
  'state': (_regmean_v1_RoundState__Output);
  /**
   * Why the round failed; empty otherwise.
   */
  'failure': (string);
  /**
   * `text-classification`, `multi-label-classification`, `regression` or `token-classification`.
   */
  'task': (string);
  /**
   * Names of the classes in the order of the head's outputs; empty for `regression`.
   */
  'labels': (string)[];
  /**
   * Seed of the task head's initial weights, the same for every agent.
   */
  'headSeed': (number);
  /**
   * How many contributions are enough once the deadline has passed.
   */
  'quorum': (number);
  /**
   * When the round closes, in milliseconds since 1970-01-01T00:00:00Z; absent means it waits for
   * every agent.
   */
  'deadlineUnixMs'?: (number);
  'base': (_regmean_v1_BaseModel__Output | null);
  'training': (_regmean_v1_TrainingHints__Output | null);
  'statistics': (_regmean_v1_StatisticsWanted__Output | null);
  'merge': (_regmean_v1_MergePlan__Output | null);
  /**
   * Every expected agent, in the order of the recipe.
   */
  'agents': (_regmean_v1_AgentProgress__Output)[];
  /**
   * The files of the fused model; empty until the state is MERGED.
   */
  'fusedFiles': (_regmean_v1_FileInfo__Output)[];
  'data': (_regmean_v1_DataHints__Output | null);
  /**
   * With `heads: separate` every agent's model; empty otherwise, and until the state is MERGED.
   */
  'agentModels': (_regmean_v1_AgentModel__Output)[];
  /**
   * Only in the state SCORING.
   */
  'scoring'?: (_regmean_v1_Scoring__Output | null);
  /**
   * Only in the state REFINING.
   */
  'refining'?: (_regmean_v1_Refining__Output | null);
  '_deadlineUnixMs'?: "deadlineUnixMs";
  '_scoring'?: "scoring";
  '_refining'?: "refining";
}
