// Original file: proto/regmean/v1/round_service.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { ContributeRequest as _regmean_v1_ContributeRequest, ContributeRequest__Output as _regmean_v1_ContributeRequest__Output } from '../../regmean/v1/ContributeRequest.ts';
import type { ContributeResponse as _regmean_v1_ContributeResponse, ContributeResponse__Output as _regmean_v1_ContributeResponse__Output } from '../../regmean/v1/ContributeResponse.ts';
import type { FetchFileRequest as _regmean_v1_FetchFileRequest, FetchFileRequest__Output as _regmean_v1_FetchFileRequest__Output } from '../../regmean/v1/FetchFileRequest.ts';
import type { FileChunk as _regmean_v1_FileChunk, FileChunk__Output as _regmean_v1_FileChunk__Output } from '../../regmean/v1/FileChunk.ts';
import type { GetRoundRequest as _regmean_v1_GetRoundRequest, GetRoundRequest__Output as _regmean_v1_GetRoundRequest__Output } from '../../regmean/v1/GetRoundRequest.ts';
import type { GetRoundResponse as _regmean_v1_GetRoundResponse, GetRoundResponse__Output as _regmean_v1_GetRoundResponse__Output } from '../../regmean/v1/GetRoundResponse.ts';
import type { RoundEvent as _regmean_v1_RoundEvent, RoundEvent__Output as _regmean_v1_RoundEvent__Output } from '../../regmean/v1/RoundEvent.ts';
import type { SendScoresRequest as _regmean_v1_SendScoresRequest, SendScoresRequest__Output as _regmean_v1_SendScoresRequest__Output } from '../../regmean/v1/SendScoresRequest.ts';
import type { SendScoresResponse as _regmean_v1_SendScoresResponse, SendScoresResponse__Output as _regmean_v1_SendScoresResponse__Output } from '../../regmean/v1/SendScoresResponse.ts';
import type { WatchRoundRequest as _regmean_v1_WatchRoundRequest, WatchRoundRequest__Output as _regmean_v1_WatchRoundRequest__Output } from '../../regmean/v1/WatchRoundRequest.ts';

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
export interface RoundServiceClient extends grpc.Client {
  /**
   * Uploads one contribution, resumable: the same manifest sent again continues where the committed
   * offsets stand, and answers `stored` at once when the contribution is complete. A newer stream
   * of the same agent takes over from an older one, which ends with ABORTED. See ContributeRequest
   * and ContributeResponse for the order of messages.
   */
  Contribute(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_regmean_v1_ContributeRequest, _regmean_v1_ContributeResponse__Output>;
  Contribute(options?: grpc.CallOptions): grpc.ClientDuplexStream<_regmean_v1_ContributeRequest, _regmean_v1_ContributeResponse__Output>;
  /**
   * Uploads one contribution, resumable: the same manifest sent again continues where the committed
   * offsets stand, and answers `stored` at once when the contribution is complete. A newer stream
   * of the same agent takes over from an older one, which ends with ABORTED. See ContributeRequest
   * and ContributeResponse for the order of messages.
   */
  contribute(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_regmean_v1_ContributeRequest, _regmean_v1_ContributeResponse__Output>;
  contribute(options?: grpc.CallOptions): grpc.ClientDuplexStream<_regmean_v1_ContributeRequest, _regmean_v1_ContributeResponse__Output>;
  
  /**
   * One file of the base model, from an offset on.
   */
  FetchBase(argument: _regmean_v1_FetchFileRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_regmean_v1_FileChunk__Output>;
  FetchBase(argument: _regmean_v1_FetchFileRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_regmean_v1_FileChunk__Output>;
  /**
   * One file of the base model, from an offset on.
   */
  fetchBase(argument: _regmean_v1_FetchFileRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_regmean_v1_FileChunk__Output>;
  fetchBase(argument: _regmean_v1_FetchFileRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_regmean_v1_FileChunk__Output>;
  
  /**
   * One file of a candidate, from an offset on. FAILED_PRECONDITION unless the round's state is
   * SCORING.
   */
  FetchCandidate(argument: _regmean_v1_FetchFileRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_regmean_v1_FileChunk__Output>;
  FetchCandidate(argument: _regmean_v1_FetchFileRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_regmean_v1_FileChunk__Output>;
  /**
   * One file of a candidate, from an offset on. FAILED_PRECONDITION unless the round's state is
   * SCORING.
   */
  fetchCandidate(argument: _regmean_v1_FetchFileRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_regmean_v1_FileChunk__Output>;
  fetchCandidate(argument: _regmean_v1_FetchFileRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_regmean_v1_FileChunk__Output>;
  
  /**
   * One file of the fused model, from an offset on. FAILED_PRECONDITION until the round's state is
   * MERGED.
   */
  FetchFused(argument: _regmean_v1_FetchFileRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_regmean_v1_FileChunk__Output>;
  FetchFused(argument: _regmean_v1_FetchFileRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_regmean_v1_FileChunk__Output>;
  /**
   * One file of the fused model, from an offset on. FAILED_PRECONDITION until the round's state is
   * MERGED.
   */
  fetchFused(argument: _regmean_v1_FetchFileRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_regmean_v1_FileChunk__Output>;
  fetchFused(argument: _regmean_v1_FetchFileRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_regmean_v1_FileChunk__Output>;
  
  /**
   * One file of the interim model, from an offset on. FAILED_PRECONDITION unless the round's state
   * is REFINING.
   */
  FetchInterim(argument: _regmean_v1_FetchFileRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_regmean_v1_FileChunk__Output>;
  FetchInterim(argument: _regmean_v1_FetchFileRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_regmean_v1_FileChunk__Output>;
  /**
   * One file of the interim model, from an offset on. FAILED_PRECONDITION unless the round's state
   * is REFINING.
   */
  fetchInterim(argument: _regmean_v1_FetchFileRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_regmean_v1_FileChunk__Output>;
  fetchInterim(argument: _regmean_v1_FetchFileRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_regmean_v1_FileChunk__Output>;
  
  /**
   * The round as it is now: recipe, base, agents, state.
   */
  GetRound(argument: _regmean_v1_GetRoundRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_regmean_v1_GetRoundResponse__Output>): grpc.ClientUnaryCall;
  GetRound(argument: _regmean_v1_GetRoundRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_regmean_v1_GetRoundResponse__Output>): grpc.ClientUnaryCall;
  GetRound(argument: _regmean_v1_GetRoundRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_regmean_v1_GetRoundResponse__Output>): grpc.ClientUnaryCall;
  GetRound(argument: _regmean_v1_GetRoundRequest, callback: grpc.requestCallback<_regmean_v1_GetRoundResponse__Output>): grpc.ClientUnaryCall;
  /**
   * The round as it is now: recipe, base, agents, state.
   */
  getRound(argument: _regmean_v1_GetRoundRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_regmean_v1_GetRoundResponse__Output>): grpc.ClientUnaryCall;
  getRound(argument: _regmean_v1_GetRoundRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_regmean_v1_GetRoundResponse__Output>): grpc.ClientUnaryCall;
  getRound(argument: _regmean_v1_GetRoundRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_regmean_v1_GetRoundResponse__Output>): grpc.ClientUnaryCall;
  getRound(argument: _regmean_v1_GetRoundRequest, callback: grpc.requestCallback<_regmean_v1_GetRoundResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * An agent's scores of every candidate, or that it has none. Sent again, they replace the former
   * ones while the round's state is SCORING.
   */
  SendScores(argument: _regmean_v1_SendScoresRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_regmean_v1_SendScoresResponse__Output>): grpc.ClientUnaryCall;
  SendScores(argument: _regmean_v1_SendScoresRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_regmean_v1_SendScoresResponse__Output>): grpc.ClientUnaryCall;
  SendScores(argument: _regmean_v1_SendScoresRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_regmean_v1_SendScoresResponse__Output>): grpc.ClientUnaryCall;
  SendScores(argument: _regmean_v1_SendScoresRequest, callback: grpc.requestCallback<_regmean_v1_SendScoresResponse__Output>): grpc.ClientUnaryCall;
  /**
   * An agent's scores of every candidate, or that it has none. Sent again, they replace the former
   * ones while the round's state is SCORING.
   */
  sendScores(argument: _regmean_v1_SendScoresRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_regmean_v1_SendScoresResponse__Output>): grpc.ClientUnaryCall;
  sendScores(argument: _regmean_v1_SendScoresRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_regmean_v1_SendScoresResponse__Output>): grpc.ClientUnaryCall;
  sendScores(argument: _regmean_v1_SendScoresRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_regmean_v1_SendScoresResponse__Output>): grpc.ClientUnaryCall;
  sendScores(argument: _regmean_v1_SendScoresRequest, callback: grpc.requestCallback<_regmean_v1_SendScoresResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * The round's events from now on, beginning with a snapshot, with a heartbeat at least every 10
   * seconds.
   */
  WatchRound(argument: _regmean_v1_WatchRoundRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_regmean_v1_RoundEvent__Output>;
  WatchRound(argument: _regmean_v1_WatchRoundRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_regmean_v1_RoundEvent__Output>;
  /**
   * The round's events from now on, beginning with a snapshot, with a heartbeat at least every 10
   * seconds.
   */
  watchRound(argument: _regmean_v1_WatchRoundRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_regmean_v1_RoundEvent__Output>;
  watchRound(argument: _regmean_v1_WatchRoundRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_regmean_v1_RoundEvent__Output>;
  
}

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
export interface RoundServiceHandlers extends grpc.UntypedServiceImplementation {
  /**
   * Uploads one contribution, resumable: the same manifest sent again continues where the committed
   * offsets stand, and answers `stored` at once when the contribution is complete. A newer stream
   * of the same agent takes over from an older one, which ends with ABORTED. See ContributeRequest
   * and ContributeResponse for the order of messages.
   */
  Contribute: grpc.handleBidiStreamingCall<_regmean_v1_ContributeRequest__Output, _regmean_v1_ContributeResponse>;
  
  /**
   * One file of the base model, from an offset on.
   */
  FetchBase: grpc.handleServerStreamingCall<_regmean_v1_FetchFileRequest__Output, _regmean_v1_FileChunk>;
  
  /**
   * One file of a candidate, from an offset on. FAILED_PRECONDITION unless the round's state is
   * SCORING.
   */
  FetchCandidate: grpc.handleServerStreamingCall<_regmean_v1_FetchFileRequest__Output, _regmean_v1_FileChunk>;
  
  /**
   * One file of the fused model, from an offset on. FAILED_PRECONDITION until the round's state is
   * MERGED.
   */
  FetchFused: grpc.handleServerStreamingCall<_regmean_v1_FetchFileRequest__Output, _regmean_v1_FileChunk>;
  
  /**
   * One file of the interim model, from an offset on. FAILED_PRECONDITION unless the round's state
   * is REFINING.
   */
  FetchInterim: grpc.handleServerStreamingCall<_regmean_v1_FetchFileRequest__Output, _regmean_v1_FileChunk>;
  
  /**
   * The round as it is now: recipe, base, agents, state.
   */
  GetRound: grpc.handleUnaryCall<_regmean_v1_GetRoundRequest__Output, _regmean_v1_GetRoundResponse>;
  
  /**
   * An agent's scores of every candidate, or that it has none. Sent again, they replace the former
   * ones while the round's state is SCORING.
   */
  SendScores: grpc.handleUnaryCall<_regmean_v1_SendScoresRequest__Output, _regmean_v1_SendScoresResponse>;
  
  /**
   * The round's events from now on, beginning with a snapshot, with a heartbeat at least every 10
   * seconds.
   */
  WatchRound: grpc.handleServerStreamingCall<_regmean_v1_WatchRoundRequest__Output, _regmean_v1_RoundEvent>;
  
}

export interface RoundServiceDefinition extends grpc.ServiceDefinition {
  Contribute: MethodDefinition<_regmean_v1_ContributeRequest, _regmean_v1_ContributeResponse, _regmean_v1_ContributeRequest__Output, _regmean_v1_ContributeResponse__Output>
  FetchBase: MethodDefinition<_regmean_v1_FetchFileRequest, _regmean_v1_FileChunk, _regmean_v1_FetchFileRequest__Output, _regmean_v1_FileChunk__Output>
  FetchCandidate: MethodDefinition<_regmean_v1_FetchFileRequest, _regmean_v1_FileChunk, _regmean_v1_FetchFileRequest__Output, _regmean_v1_FileChunk__Output>
  FetchFused: MethodDefinition<_regmean_v1_FetchFileRequest, _regmean_v1_FileChunk, _regmean_v1_FetchFileRequest__Output, _regmean_v1_FileChunk__Output>
  FetchInterim: MethodDefinition<_regmean_v1_FetchFileRequest, _regmean_v1_FileChunk, _regmean_v1_FetchFileRequest__Output, _regmean_v1_FileChunk__Output>
  GetRound: MethodDefinition<_regmean_v1_GetRoundRequest, _regmean_v1_GetRoundResponse, _regmean_v1_GetRoundRequest__Output, _regmean_v1_GetRoundResponse__Output>
  SendScores: MethodDefinition<_regmean_v1_SendScoresRequest, _regmean_v1_SendScoresResponse, _regmean_v1_SendScoresRequest__Output, _regmean_v1_SendScoresResponse__Output>
  WatchRound: MethodDefinition<_regmean_v1_WatchRoundRequest, _regmean_v1_RoundEvent, _regmean_v1_WatchRoundRequest__Output, _regmean_v1_RoundEvent__Output>
}
