/**
 * @file Certificates for one run of the demo: an authority that lives only here, a certificate for
 *   the merger and one for each agent, so that the demo speaks mutual TLS as production does. X.509
 *   version 3 (RFC 5280) in DER, keys on the curve P-256. Real deployments bring their own
 *   certificates.
 */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/** A certificate and its private key, both PEM. */
export interface CertifiedKey {
  readonly certificate: string;
  readonly privateKey: string;
}

/** The certificates of a demo; `authority` is what both sides trust. */
export interface DemoCertificates {
  readonly authority: string;
  readonly merger: CertifiedKey;
  readonly agents: ReadonlyMap<string, CertifiedKey>;
}

const validForMs = 24 * 60 * 60 * 1000;
const clockSkewMs = 5 * 60 * 1000;

/**
 * Makes an authority, a certificate for the merger on `localhost`, and one per agent with its name
 * as common name.
 */
export function makeCertificates(agents: readonly string[]): DemoCertificates {
  const authorityName = 'regmean demo authority';
  const authorityKeys = newKeys();
  const issue = (subject: string, keys: KeyPair, extensions: Buffer[]): string =>
    toPem(certify(subject, keys.publicKey, authorityName, authorityKeys.privateKey, extensions));
  const certified = (subject: string, extensions: Buffer[]): CertifiedKey => {
    const keys = newKeys();
    return {
      certificate: issue(subject, keys, [notAnAuthority, ...extensions]),
      privateKey: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    };
  };
  return {
    authority: issue(authorityName, authorityKeys, [isAnAuthority, keyCertSign]),
    merger: certified('localhost', [extendedUse(serverAuth), loopbackNames]),
    agents: new Map(agents.map((agent) => [agent, certified(agent, [extendedUse(clientAuth)])])),
  };
}

interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

function newKeys(): KeyPair {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

function certify(
  subject: string,
  key: KeyObject,
  issuer: string,
  issuerKey: KeyObject,
  extensions: Buffer[],
): Buffer {
  const now = Date.now();
  const body = sequence(
    element(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([0x40]), randomBytes(15)])),
    ecdsaWithSha256,
    name(issuer),
    sequence(time(now - clockSkewMs), time(now + validForMs)),
    name(subject),
    key.export({ type: 'spki', format: 'der' }),
    element(0xa3, sequence(...extensions)),
  );
  return sequence(body, ecdsaWithSha256, bitString(sign('sha256', body, issuerKey), 0));
}

function toPem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

/** One DER element: tag, length, content. */
function element(tag: number, ...contents: Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const length = content.length;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  const header = length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(header), content]);
}

function sequence(...contents: Buffer[]): Buffer {
  return element(0x30, ...contents);
}

function integer(bigEndian: Buffer): Buffer {
  return element(0x02, bigEndian);
}

function bitString(bits: Buffer, unused: number): Buffer {
  return element(0x03, Buffer.from([unused]), bits);
}

function objectId(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [40 * first + second];
  for (const part of rest) {
    const digits = [part & 0x7f];
    for (let high = part >> 7; high > 0; high >>= 7) digits.unshift((high & 0x7f) | 0x80);
    bytes.push(...digits);
  }
  return element(0x06, Buffer.from(bytes));
}

function name(commonName: string): Buffer {
  return sequence(element(0x31, sequence(objectId('2.5.4.3'), element(0x0c, Buffer.from(commonName)))));
}

function time(unixMs: number): Buffer {
  const digits = new Date(unixMs).toISOString().replace(/\D/g, '').slice(2, 14);
  return element(0x17, Buffer.from(`${digits}Z`));
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  const flag = critical ? [element(0x01, Buffer.from([0xff]))] : [];
  return sequence(objectId(id), ...flag, element(0x04, value));
}

function extendedUse(purpose: string): Buffer {
  return extension('2.5.29.37', false, sequence(objectId(purpose)));
}

const ecdsaWithSha256 = sequence(objectId('1.2.840.10045.4.3.2'));
const serverAuth = '1.3.6.1.5.5.7.3.1';
const clientAuth = '1.3.6.1.5.5.7.3.2';
const isAnAuthority = extension('2.5.29.19', true, sequence(element(0x01, Buffer.from([0xff]))));
const notAnAuthority = extension('2.5.29.19', true, sequence());
const keyCertSign = extension('2.5.29.15', true, bitString(Buffer.from([0x04]), 2));
const loopbackNames = extension(
  '2.5.29.17',
  false,
  sequence(element(0x82, Buffer.from('localhost')), element(0x87, Buffer.from([127, 0, 0, 1]))),
);
