import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { AgentModel as _regmean_v1_AgentModel, AgentModel__Output as _regmean_v1_AgentModel__Output } from './regmean/v1/AgentModel.ts';
import type { AgentProgress as _regmean_v1_AgentProgress, AgentProgress__Output as _regmean_v1_AgentProgress__Output } from './regmean/v1/AgentProgress.ts';
import type { BaseModel as _regmean_v1_BaseModel, BaseModel__Output as _regmean_v1_BaseModel__Output } from './regmean/v1/BaseModel.ts';
import type { Candidate as _regmean_v1_Candidate, Candidate__Output as _regmean_v1_Candidate__Output } from './regmean/v1/Candidate.ts';
import type { CandidateScore as _regmean_v1_CandidateScore, CandidateScore__Output as _regmean_v1_CandidateScore__Output } from './regmean/v1/CandidateScore.ts';
import type { CommitRequest as _regmean_v1_CommitRequest, CommitRequest__Output as _regmean_v1_CommitRequest__Output } from './regmean/v1/CommitRequest.ts';
import type { CommittedOffset as _regmean_v1_CommittedOffset, CommittedOffset__Output as _regmean_v1_CommittedOffset__Output } from './regmean/v1/CommittedOffset.ts';
import type { ContributeRequest as _regmean_v1_ContributeRequest, ContributeRequest__Output as _regmean_v1_ContributeRequest__Output } from './regmean/v1/ContributeRequest.ts';
import type { ContributeResponse as _regmean_v1_ContributeResponse, ContributeResponse__Output as _regmean_v1_ContributeResponse__Output } from './regmean/v1/ContributeResponse.ts';
import type { ContributionStored as _regmean_v1_ContributionStored, ContributionStored__Output as _regmean_v1_ContributionStored__Output } from './regmean/v1/ContributionStored.ts';
import type { DataHints as _regmean_v1_DataHints, DataHints__Output as _regmean_v1_DataHints__Output } from './regmean/v1/DataHints.ts';
import type { FetchFileRequest as _regmean_v1_FetchFileRequest, FetchFileRequest__Output as _regmean_v1_FetchFileRequest__Output } from './regmean/v1/FetchFileRequest.ts';
import type { FileChunk as _regmean_v1_FileChunk, FileChunk__Output as _regmean_v1_FileChunk__Output } from './regmean/v1/FileChunk.ts';
import type { FileInfo as _regmean_v1_FileInfo, FileInfo__Output as _regmean_v1_FileInfo__Output } from './regmean/v1/FileInfo.ts';
import type { FisherWanted as _regmean_v1_FisherWanted, FisherWanted__Output as _regmean_v1_FisherWanted__Output } from './regmean/v1/FisherWanted.ts';
import type { GetRoundRequest as _regmean_v1_GetRoundRequest, GetRoundRequest__Output as _regmean_v1_GetRoundRequest__Output } from './regmean/v1/GetRoundRequest.ts';
import type { GetRoundResponse as _regmean_v1_GetRoundResponse, GetRoundResponse__Output as _regmean_v1_GetRoundResponse__Output } from './regmean/v1/GetRoundResponse.ts';
import type { GramForm as _regmean_v1_GramForm, GramForm__Output as _regmean_v1_GramForm__Output } from './regmean/v1/GramForm.ts';
import type { LowRankTraining as _regmean_v1_LowRankTraining, LowRankTraining__Output as _regmean_v1_LowRankTraining__Output } from './regmean/v1/LowRankTraining.ts';
import type { ManifestAccepted as _regmean_v1_ManifestAccepted, ManifestAccepted__Output as _regmean_v1_ManifestAccepted__Output } from './regmean/v1/ManifestAccepted.ts';
import type { MergePlan as _regmean_v1_MergePlan, MergePlan__Output as _regmean_v1_MergePlan__Output } from './regmean/v1/MergePlan.ts';
import type { OutputGramsWanted as _regmean_v1_OutputGramsWanted, OutputGramsWanted__Output as _regmean_v1_OutputGramsWanted__Output } from './regmean/v1/OutputGramsWanted.ts';
import type { Refining as _regmean_v1_Refining, Refining__Output as _regmean_v1_Refining__Output } from './regmean/v1/Refining.ts';
import type { Round as _regmean_v1_Round, Round__Output as _regmean_v1_Round__Output } from './regmean/v1/Round.ts';
import type { RoundEvent as _regmean_v1_RoundEvent, RoundEvent__Output as _regmean_v1_RoundEvent__Output } from './regmean/v1/RoundEvent.ts';
import type { RoundServiceClient as _regmean_v1_RoundServiceClient, RoundServiceDefinition as _regmean_v1_RoundServiceDefinition } from './regmean/v1/RoundService.ts';
import type { Scoring as _regmean_v1_Scoring, Scoring__Output as _regmean_v1_Scoring__Output } from './regmean/v1/Scoring.ts';
import type { SendScoresRequest as _regmean_v1_SendScoresRequest, SendScoresRequest__Output as _regmean_v1_SendScoresRequest__Output } from './regmean/v1/SendScoresRequest.ts';
import type { SendScoresResponse as _regmean_v1_SendScoresResponse, SendScoresResponse__Output as _regmean_v1_SendScoresResponse__Output } from './regmean/v1/SendScoresResponse.ts';
import type { StatisticsWanted as _regmean_v1_StatisticsWanted, StatisticsWanted__Output as _regmean_v1_StatisticsWanted__Output } from './regmean/v1/StatisticsWanted.ts';
import type { TrainingHints as _regmean_v1_TrainingHints, TrainingHints__Output as _regmean_v1_TrainingHints__Output } from './regmean/v1/TrainingHints.ts';
import type { UploadManifest as _regmean_v1_UploadManifest, UploadManifest__Output as _regmean_v1_UploadManifest__Output } from './regmean/v1/UploadManifest.ts';
import type { Validating as _regmean_v1_Validating, Validating__Output as _regmean_v1_Validating__Output } from './regmean/v1/Validating.ts';
import type { WatchRoundRequest as _regmean_v1_WatchRoundRequest, WatchRoundRequest__Output as _regmean_v1_WatchRoundRequest__Output } from './regmean/v1/WatchRoundRequest.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  regmean: {
    v1: {
      AgentModel: MessageTypeDefinition<_regmean_v1_AgentModel, _regmean_v1_AgentModel__Output>
      AgentProgress: MessageTypeDefinition<_regmean_v1_AgentProgress, _regmean_v1_AgentProgress__Output>
      BaseModel: MessageTypeDefinition<_regmean_v1_BaseModel, _regmean_v1_BaseModel__Output>
      Candidate: MessageTypeDefinition<_regmean_v1_Candidate, _regmean_v1_Candidate__Output>
      CandidateScore: MessageTypeDefinition<_regmean_v1_CandidateScore, _regmean_v1_CandidateScore__Output>
      CommitRequest: MessageTypeDefinition<_regmean_v1_CommitRequest, _regmean_v1_CommitRequest__Output>
      CommittedOffset: MessageTypeDefinition<_regmean_v1_CommittedOffset, _regmean_v1_CommittedOffset__Output>
      ContributeRequest: MessageTypeDefinition<_regmean_v1_ContributeRequest, _regmean_v1_ContributeRequest__Output>
      ContributeResponse: MessageTypeDefinition<_regmean_v1_ContributeResponse, _regmean_v1_ContributeResponse__Output>
      ContributionState: EnumTypeDefinition
      ContributionStored: MessageTypeDefinition<_regmean_v1_ContributionStored, _regmean_v1_ContributionStored__Output>
      DataHints: MessageTypeDefinition<_regmean_v1_DataHints, _regmean_v1_DataHints__Output>
      FetchFileRequest: MessageTypeDefinition<_regmean_v1_FetchFileRequest, _regmean_v1_FetchFileRequest__Output>
      FileChunk: MessageTypeDefinition<_regmean_v1_FileChunk, _regmean_v1_FileChunk__Output>
      FileInfo: MessageTypeDefinition<_regmean_v1_FileInfo, _regmean_v1_FileInfo__Output>
      FisherWanted: MessageTypeDefinition<_regmean_v1_FisherWanted, _regmean_v1_FisherWanted__Output>
      GetRoundRequest: MessageTypeDefinition<_regmean_v1_GetRoundRequest, _regmean_v1_GetRoundRequest__Output>
      GetRoundResponse: MessageTypeDefinition<_regmean_v1_GetRoundResponse, _regmean_v1_GetRoundResponse__Output>
      GramForm: MessageTypeDefinition<_regmean_v1_GramForm, _regmean_v1_GramForm__Output>
      LowRankTraining: MessageTypeDefinition<_regmean_v1_LowRankTraining, _regmean_v1_LowRankTraining__Output>
      ManifestAccepted: MessageTypeDefinition<_regmean_v1_ManifestAccepted, _regmean_v1_ManifestAccepted__Output>
      MergePlan: MessageTypeDefinition<_regmean_v1_MergePlan, _regmean_v1_MergePlan__Output>
      OutputGramsWanted: MessageTypeDefinition<_regmean_v1_OutputGramsWanted, _regmean_v1_OutputGramsWanted__Output>
      Refining: MessageTypeDefinition<_regmean_v1_Refining, _regmean_v1_Refining__Output>
      Round: MessageTypeDefinition<_regmean_v1_Round, _regmean_v1_Round__Output>
      RoundEvent: MessageTypeDefinition<_regmean_v1_RoundEvent, _regmean_v1_RoundEvent__Output>
      RoundEventKind: EnumTypeDefinition
      /**
       * One merger serves one round: agents look at it, fetch the base model, contribute once, and fetch
       * the fused model.
       * 
       * Every error carries a gRPC status for programs, a message for people that names the file, tensor
       * and rule, and in the trailing metadata regmean-error-code  the stable kind: refused,
       * invalid-input, not-found, ... regmean-error-hint  what to do about it, when known
       * (percent-encoded UTF-8) FAILED_PRECONDITION and INVALID_ARGUMENT will not go away by trying
       * again; UNAVAILABLE may.
       */
      RoundService: SubtypeConstructor<typeof grpc.Client, _regmean_v1_RoundServiceClient> & { service: _regmean_v1_RoundServiceDefinition }
      RoundState: EnumTypeDefinition
      Scoring: MessageTypeDefinition<_regmean_v1_Scoring, _regmean_v1_Scoring__Output>
      SendScoresRequest: MessageTypeDefinition<_regmean_v1_SendScoresRequest, _regmean_v1_SendScoresRequest__Output>
      SendScoresResponse: MessageTypeDefinition<_regmean_v1_SendScoresResponse, _regmean_v1_SendScoresResponse__Output>
      StatisticsWanted: MessageTypeDefinition<_regmean_v1_StatisticsWanted, _regmean_v1_StatisticsWanted__Output>
      TrainingHints: MessageTypeDefinition<_regmean_v1_TrainingHints, _regmean_v1_TrainingHints__Output>
      UploadManifest: MessageTypeDefinition<_regmean_v1_UploadManifest, _regmean_v1_UploadManifest__Output>
      Validating: MessageTypeDefinition<_regmean_v1_Validating, _regmean_v1_Validating__Output>
      WatchRoundRequest: MessageTypeDefinition<_regmean_v1_WatchRoundRequest, _regmean_v1_WatchRoundRequest__Output>
    }
  }
}

