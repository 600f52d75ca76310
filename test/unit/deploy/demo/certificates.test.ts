import { X509Certificate } from 'node:crypto';
import { type AddressInfo, connect as connectPlain, type Socket } from 'node:net';
import { connect, createServer, type Server, type TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { type CertifiedKey, makeCertificates } from '../../../../deploy/demo/certificates.ts';

const certificates = makeCertificates(['news', 'romance']);
const news = certificates.agents.get('news') as CertifiedKey;
let server: Server | undefined;

afterEach(() => server?.close());

/**
 * The common name that a server requiring client certificates sees, or the error of the connection.
 */
async function greet(host: string, trusted: string, client: CertifiedKey | undefined): Promise<string> {
  const { certificate, privateKey } = certificates.merger;
  const demands = { ca: certificates.authority, requestCert: true, rejectUnauthorized: true };
  const listening = createServer({ cert: certificate, key: privateKey, ...demands }, (socket: TLSSocket) => {
    socket.on('error', () => undefined);
    socket.end(String(socket.getPeerCertificate().subject.CN));
  });
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const raw: Socket = connectPlain((listening.address() as AddressInfo).port, '127.0.0.1');
  const own = client === undefined ? {} : { cert: client.certificate, key: client.privateKey };
  return new Promise((resolve) => {
    const socket = connect({ socket: raw, host, servername: host, ca: trusted, ...own });
    let heard = '';
    socket.on('data', (data) => {
      heard += data;
    });
    socket.on('error', (error) => resolve(error.message));
    socket.on('close', () => resolve(heard));
  });
}

describe('makeCertificates', () => {
  it('lets an agent and the merger recognise each other', async () => {
    expect(await greet('localhost', certificates.authority, news)).toBe('news');
  });

  it('is refused under another host name', async () => {
    expect(await greet('example.org', certificates.authority, news)).toContain('does not match');
  });

  it('is refused by whoever trusts another authority', async () => {
    expect(await greet('localhost', makeCertificates([]).authority, news)).toMatch(
      /signature|unable to verify/,
    );
  });

  it('refuses an agent without a certificate, or with one of another authority', async () => {
    expect(await greet('localhost', certificates.authority, undefined)).not.toBe('news');
    const stranger = makeCertificates(['news']).agents.get('news');
    expect(await greet('localhost', certificates.authority, stranger)).not.toBe('news');
  });

  it('makes an authority, and leaves that no other certificate can sign', () => {
    const authority = new X509Certificate(certificates.authority);
    const leaf = new X509Certificate(certificates.merger.certificate);
    expect(authority.ca).toBe(true);
    expect(leaf.ca).toBe(false);
    expect(leaf.verify(authority.publicKey)).toBe(true);
    expect(leaf.checkIP('127.0.0.1')).toBe('127.0.0.1');
  });
});
