/**
 * @file The merger's gRPC server: the round service with the standard health and reflection
 *   services.
 */
import {
  Server,
  type ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';
import { messageOf, RegmeanError } from '../../shared/errors.ts';
import { agentFileName, agentOfFile } from '../../shared/wire/agent-models.ts';
import { agentOfCandidateFile } from '../../shared/wire/candidate-files.ts';
import type { FetchFileRequest__Output } from '../../shared/wire/generated/regmean/v1/FetchFileRequest.ts';
import type { FileChunk } from '../../shared/wire/generated/regmean/v1/FileChunk.ts';
import type { GetRoundResponse } from '../../shared/wire/generated/regmean/v1/GetRoundResponse.ts';
import type { RoundServiceHandlers } from '../../shared/wire/generated/regmean/v1/RoundService.ts';
import type { SendScoresResponse } from '../../shared/wire/generated/regmean/v1/SendScoresResponse.ts';
import { packageDefinition, RoundService } from '../../shared/wire/protocol.ts';
import { toStatus } from '../../shared/wire/status.ts';
import { type Refinement, refinements } from '../recipe/recipe.ts';
import { refinementPaths } from '../round/refinement-store.ts';
import type { RoundController } from '../round/round-controller.ts';
import { type CallActivity, createCallActivity } from './call-activity.ts';
import { candidateFiles, describeCandidates } from './candidates-on-wire.ts';
import { takeContribution } from './contribute-handler.ts';
import { sendFile } from './fetch-handler.ts';
import type { Log } from './log.ts';
import { requireAgentName } from './peer-identity.ts';
import { widenReceiveWindow } from './receive-window.ts';
import { type ModelOnWire, roundMessage } from './round-message.ts';
import { describeModel } from './stored-status.ts';
import { streamEvents } from './watch-handler.ts';

const serviceName = 'regmean.v1.RoundService';
const keepaliveMs = 20_000;
/**
 * Bytes that may be under way to the merger on one connection; fills 1 Gbit/s up to 60 ms of round
 * trip.
 */
const receiveWindowBytes = 8 * 1024 * 1024;
/** How long calls may take to end after the merger was asked to stop. */
const shutdownGraceMs = 3_000;

/** What every kind of call has. */
type AnyCall = Pick<ServerUnaryCall<unknown, unknown>, 'cancelled' | 'getPath' | 'getPeer' | 'emit'>;

/** What a server serves, and how. */
export interface ServerOptions {
  /** `host:port`; port 0 takes a free one. */
  readonly listen: string;
  readonly credentials: ServerCredentials;
  /** Whether an agent's name must be in its client certificate. */
  readonly mutualTls: boolean;
  readonly controller: RoundController;
  readonly log: Log;
}

/** A running server. */
export interface RunningServer {
  readonly port: number;
  /** Which calls it is answering. */
  readonly activity: CallActivity;
  /** Ends the uploads, lets calls finish for a moment, and stops. */
  stop(): Promise<void>;
}

/**
 * Starts serving a round.
 *
 * @throws RegmeanError when the address cannot be listened on
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const server = new Server({
    'grpc.keepalive_time_ms': keepaliveMs,
    'grpc.keepalive_timeout_ms': keepaliveMs,
  });
  if (!widenReceiveWindow(server, receiveWindowBytes)) options.log.warn('receive-window-not-widened');
  const activity = createCallActivity();
  server.addService(RoundService.service, roundHandlers(options, activity));
  const health = new HealthImplementation({ '': 'SERVING', [serviceName]: 'SERVING' });
  health.addToServer(server);
  new ReflectionService(packageDefinition).addToServer(server);
  const port = await bind(server, options.listen, options.credentials);
  return {
    port,
    activity,
    async stop() {
      for (const name of ['', serviceName]) health.setStatus(name, 'NOT_SERVING');
      await options.controller.close();
      await new Promise<void>((resolve) => {
        const force = setTimeout(() => {
          server.forceShutdown();
          resolve();
        }, shutdownGraceMs);
        server.tryShutdown(() => {
          clearTimeout(force);
          resolve();
        });
      });
    },
  };
}

/** Reads once; again only after a failure. */
function remembered<T>(read: () => Promise<T>): () => Promise<T> {
  let known: Promise<T> | undefined;
  return () => {
    known ??= read().catch((error: unknown) => {
      known = undefined;
      throw error;
    });
    return known;
  };
}

function roundHandlers(
  { controller, mutualTls, log }: ServerOptions,
  activity: CallActivity,
): RoundServiceHandlers {
  const { paths, base } = controller.round;
  const fusedModel = remembered(() => describeModel(paths.merged));
  const interimModels = Object.fromEntries(
    refinements.map((wanted) => {
      const { model } = refinementPaths(paths, wanted);
      return [wanted, { folder: model, read: remembered(() => describeModel(model)) }];
    }),
  ) as Readonly<Record<Refinement, { readonly folder: string; read(): Promise<ModelOnWire> }>>;
  const candidates = remembered(() => describeCandidates(paths.candidates));
  const describe = async () => {
    const standing = controller.standing();
    const fused = standing.state === 'merged' ? await fusedModel() : undefined;
    return roundMessage({
      round: controller.round,
      standing,
      agents: await controller.agents(),
      fusedFiles: fused?.files ?? [],
      agentModels: fused?.agentModels ?? [],
      ...(standing.wanted === undefined ? {} : { interim: await interimModels[standing.wanted].read() }),
      ...(standing.state === 'scoring' ? { candidates: await candidates() } : {}),
    });
  };
  /** With mutual TLS what is one agent's goes to and comes from that agent alone. */
  const authorize = (
    call: Pick<ServerUnaryCall<unknown, unknown>, 'getAuthContext'>,
    agent: string,
  ): void => {
    if (mutualTls) requireAgentName(call.getAuthContext().sslPeerCertificate, agent);
  };
  /** Sends one file of a merged model; of an agent's own model to that agent. */
  const sendModelFile = async (
    call: ServerWritableStream<FetchFileRequest__Output, FileChunk>,
    folder: string,
    { files, agentModels }: ModelOnWire,
  ): Promise<void> => {
    const agent = agentOfFile(call.request.file);
    if (agent !== undefined) authorize(call, agent);
    const own = agentModels.find((model) => model.agent === agent);
    const ofAgent = own?.files.map((file) => ({ ...file, name: agentFileName(own.agent, file.name) }));
    await sendFile(call, folder, ofAgent ?? files);
  };
  const failWith = (call: AnyCall, error: unknown): ReturnType<typeof toStatus> => {
    const failure = toStatus(error);
    if (!call.cancelled)
      log.warn('call-failed', { call: call.getPath(), peer: call.getPeer(), error: failure.details });
    return failure;
  };
  const endOf = (call: AnyCall, work: Promise<void>): void => {
    activity.during(work).catch((error: unknown) => call.emit('error', failWith(call, error)));
  };

  return {
    GetRound(call, callback: sendUnaryData<GetRoundResponse>) {
      activity.during(describe()).then(
        (round) => callback(null, { round }),
        (error: unknown) => callback(failWith(call, error)),
      );
    },
    FetchBase(call) {
      endOf(call, sendFile(call, paths.base, base.files));
    },
    FetchFused(call) {
      endOf(
        call,
        (async () => {
          const { state } = controller.standing();
          if (state !== 'merged')
            throw new RegmeanError('refused', `fetch: the round is ${state}, not merged yet`);
          await sendModelFile(call, paths.merged, await fusedModel());
        })(),
      );
    },
    FetchInterim(call) {
      endOf(
        call,
        (async () => {
          const { state, wanted } = controller.standing();
          if (wanted === undefined)
            throw new RegmeanError('refused', `fetch: the round is ${state}, it has no interim model`);
          const { folder, read } = interimModels[wanted];
          await sendModelFile(call, folder, await read());
        })(),
      );
    },
    FetchCandidate(call) {
      endOf(
        call,
        (async () => {
          const { state } = controller.standing();
          if (state !== 'scoring')
            throw new RegmeanError('refused', `fetch: the round is ${state}, it has no candidates`);
          const agent = agentOfCandidateFile(call.request.file);
          if (agent !== undefined) authorize(call, agent);
          await sendFile(call, paths.candidates, candidateFiles(await candidates()));
        })(),
      );
    },
    SendScores(call, callback: sendUnaryData<SendScoresResponse>) {
      const work = async (): Promise<void> => {
        const { agent, set, scores } = call.request;
        authorize(call, agent);
        await controller.score(agent, scores.length === 0 ? null : { set, scores });
      };
      activity.during(work()).then(
        () => callback(null, {}),
        (error: unknown) => callback(failWith(call, error)),
      );
    },
    Contribute(call) {
      endOf(
        call,
        takeContribution(call, controller, (agent) => authorize(call, agent)),
      );
    },
    WatchRound(call) {
      endOf(call, streamEvents(call, controller, describe));
    },
  };
}

function bind(server: Server, listen: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(listen, credentials, (error, port) => {
      if (error === null) {
        resolve(port);
        return;
      }
      const inUse = /EADDRINUSE/.test(error.message);
      reject(
        new RegmeanError(
          'usage',
          `--listen ${listen}: ${inUse ? 'the port is in use' : messageOf(error)}`,
          inUse ? { hint: 'stop the other process, or choose another port', cause: error } : { cause: error },
        ),
      );
    });
  });
}
