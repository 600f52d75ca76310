import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { clientCredentials, serverCredentials } from '../../../shared/wire/credentials.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'regmean-tls-'));
});
afterEach(() => rm(dir, { recursive: true }));

describe('the merger', () => {
  it('needs a certificate, or plaintext by name', async () => {
    await expect(serverCredentials({})).rejects.toThrow('pass --tls-cert FILE and --tls-key FILE');
    await expect(serverCredentials({ plaintext: true })).resolves.toBeDefined();
  });

  it('does not take plaintext and a certificate together', async () => {
    const both = serverCredentials({ plaintext: true, clientCa: 'ca.pem' });
    await expect(both).rejects.toThrow('--plaintext and --client-ca contradict each other');
  });

  it('names the flag whose file cannot be read', async () => {
    const missing = serverCredentials({ tlsCert: join(dir, 'none.pem'), tlsKey: join(dir, 'none.key') });
    await expect(missing).rejects.toThrow(/--tls-cert .*none\.pem: it cannot be read/);
  });

  it('names the flag whose file is no PEM file', async () => {
    await writeFile(join(dir, 'cert.der'), 'binary');
    const wrong = serverCredentials({ tlsCert: join(dir, 'cert.der'), tlsKey: join(dir, 'cert.der') });
    await expect(wrong).rejects.toThrow('must be a PEM file, has no "-----BEGIN" in it');
  });
});

describe('an agent', () => {
  it('needs an authority, or plaintext by name', async () => {
    await expect(clientCredentials({})).rejects.toThrow('pass --ca FILE');
    await expect(clientCredentials({ plaintext: true })).resolves.toBeDefined();
  });

  it('needs a key with its certificate', async () => {
    const half = clientCredentials({ ca: 'ca.pem', cert: 'cert.pem' });
    await expect(half).rejects.toThrow('--cert and --key belong together');
  });
});
