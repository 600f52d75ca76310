/**
 * @file A TCP proxy between an agent and a merger, to hold a connection at a chosen byte and to
 *   drop it.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Which way bytes go: `up` from the agent to the merger, `down` from the merger to the agent. */
type Direction = 'up' | 'down';

/** A running proxy. */
export interface TcpProxy {
  /** `127.0.0.1:port` */
  readonly address: string;
  /** Bytes that went one way so far. */
  count(direction: Direction): number;
  /** Where new connections go. */
  target(address: string): void;
  /** Stops forwarding once so many bytes more came from one side; resolves at that point. */
  holdAfter(direction: Direction, bytes: number): Promise<void>;
  /** Drops every connection and forwards again. */
  release(): void;
  close(): Promise<void>;
}

/** Starts a proxy to `target`, `host:port`. */
export async function startProxy(target: string): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  const counts = { up: 0, down: 0 };
  const holdAt = { up: Number.POSITIVE_INFINITY, down: Number.POSITIVE_INFINITY };
  let to = target;
  let reportHeld = (): void => {};
  const isHeld = (): boolean => counts.up >= holdAt.up || counts.down >= holdAt.down;
  const drop = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const forward = (from: Socket, into: Socket, direction: Direction): void => {
    from.on('data', (data) => {
      counts[direction] += data.length;
      if (isHeld()) {
        for (const socket of sockets) socket.pause();
        reportHeld();
        return;
      }
      if (!into.write(data)) from.pause();
    });
    into.on('drain', () => {
      if (!isHeld()) from.resume();
    });
    from.on('error', () => {});
    from.on('close', () => {
      sockets.delete(from);
      into.destroy();
    });
    sockets.add(from);
  };
  const server = createServer((client) => {
    const [host, port] = to.split(':');
    const upstream = connect(Number(port), host);
    forward(client, upstream, 'up');
    forward(upstream, client, 'down');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    count: (direction) => counts[direction],
    target(address) {
      to = address;
    },
    holdAfter(direction, bytes) {
      holdAt[direction] = counts[direction] + bytes;
      return new Promise((resolve) => {
        reportHeld = resolve;
      });
    },
    release() {
      holdAt.up = Number.POSITIVE_INFINITY;
      holdAt.down = Number.POSITIVE_INFINITY;
      drop();
    },
    async close() {
      drop();
      server.close();
      await once(server, 'close');
    },
  };
}
