import { once } from 'node:events';
import { connect, type Settings } from 'node:http2';
import type { PeerCertificate } from 'node:tls';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { createLog } from '../../../merger/service/log.ts';
import { namesOf, requireAgentName } from '../../../merger/service/peer-identity.ts';
import { widenReceiveWindow } from '../../../merger/service/receive-window.ts';
import { RoundService } from '../../../shared/wire/protocol.ts';

const certificate = (cn: string, alternatives?: string) =>
  ({ subject: { CN: cn }, subjectaltname: alternatives }) as PeerCertificate;

describe('a client certificate', () => {
  it('speaks for its common name and its DNS names', () => {
    expect(namesOf(certificate('north', 'DNS:north.example, IP Address:10.0.0.1, DNS:agent'))).toEqual([
      'north',
      'north.example',
      'agent',
    ]);
  });

  it('does not let an agent contribute under another name', () => {
    expect(() => requireAgentName(certificate('north'), 'north')).not.toThrow();
    expect(() => requireAgentName(certificate('north'), 'south')).toThrow(
      'south: the client certificate speaks for north',
    );
    expect(() => requireAgentName(undefined, 'south')).toThrow(
      'south: the client certificate speaks for nobody',
    );
  });
});

it('a log line has a time, a level, an event and its fields, on one line', () => {
  const lines: string[] = [];
  const log = createLog({ write: (text) => lines.push(text) });
  log.warn('refused', { agent: 'north', reason: 'tensor a\nis missing', failure: undefined, total: 3 });
  expect(lines).toEqual([
    expect.stringMatching(
      /^\d{4}-\d\d-\d\dT[\d:.]+Z warn refused agent=north reason="tensor a\\nis missing" total=3\n$/,
    ),
  ]);
});

it("the server's connections announce the widened receive window", async () => {
  const server = new Server();
  server.addService(RoundService.service, {});
  expect(widenReceiveWindow(server, 4_000_000)).toBe(true);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const session = connect(`http://127.0.0.1:${port}`);
  const windows: unknown[] = [];
  session.on('remoteSettings', (settings: Settings) => windows.push(settings.initialWindowSize));
  while (!windows.includes(4_000_000)) await once(session, 'remoteSettings');
  session.destroy();
  server.forceShutdown();
  expect(windows).toContain(4_000_000);
});
