/** @file A client's connection to a merger. */
import { type ClientSecurity, clientCredentials } from './credentials.ts';
import type { RoundServiceClient } from './generated/regmean/v1/RoundService.ts';
import { RoundService } from './protocol.ts';

const keepaliveMs = 20_000;
/**
 * Bytes that may be under way to this side before it has read them; what bounds a download on a
 * slow path.
 */
const receiveWindowBytes = 8 * 1024 * 1024;
const maxReconnectBackoffMs = 2_000;

/** A connection that opens when it is first used. */
export interface MergerConnection {
  readonly address: string;
  readonly client: RoundServiceClient;
  close(): void;
}

/** Where the merger is and how to reach it, as the command line says it. */
export interface ConnectionFlags extends ClientSecurity {
  readonly server: string;
  /** Name to expect in the merger's certificate instead of the address's host. */
  readonly serverName?: string;
}

/**
 * Prepares a connection; nothing is sent before the first call.
 *
 * @throws RegmeanError when the flags do not say how to connect
 */
export async function connectToMerger(flags: ConnectionFlags): Promise<MergerConnection> {
  const credentials = await clientCredentials(flags);
  const client = new RoundService(flags.server, credentials, {
    'grpc.keepalive_time_ms': keepaliveMs,
    'grpc.keepalive_timeout_ms': keepaliveMs,
    'grpc.max_reconnect_backoff_ms': maxReconnectBackoffMs,
    'grpc-node.flow_control_window': receiveWindowBytes,
    // Calls are tried again by their own rules; the library's would keep sent chunks in memory for
    // it.
    'grpc.enable_retries': 0,
    ...(flags.serverName === undefined ? {} : { 'grpc.ssl_target_name_override': flags.serverName }),
  });
  return { address: flags.server, client, close: () => client.close() };
}
