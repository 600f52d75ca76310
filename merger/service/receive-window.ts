/**
 * @file Receive windows of the merger's connections. grpc-js's server has no option for them, and
 *   HTTP/2's default of 64 KiB bounds one upload by window / round-trip time: about 1.3 MB/s at 50
 *   ms, whatever the line can do.
 */
import type { Http2Server, ServerHttp2Session } from 'node:http2';
import type { Server, ServerCredentials } from '@grpc/grpc-js';

/** The part of grpc-js's server that makes its HTTP/2 servers; not public, so it may be missing. */
interface ServerInternals {
  createHttp2Server?: (credentials: ServerCredentials) => Http2Server;
}

/**
 * Lets peers have `bytes` under way to this server, per connection and per stream. To be called
 * before binding.
 *
 * @returns whether it could be done; the server works without, only slower on long paths
 */
export function widenReceiveWindow(server: Server, bytes: number): boolean {
  const internals = server as unknown as ServerInternals;
  const create = internals.createHttp2Server;
  if (typeof create !== 'function') return false;
  internals.createHttp2Server = (credentials) => {
    const http2Server = create.call(server, credentials);
    http2Server.on('session', (session: ServerHttp2Session) => {
      session.settings({ initialWindowSize: bytes });
      session.setLocalWindowSize(bytes);
    });
    return http2Server;
  };
  return true;
}
