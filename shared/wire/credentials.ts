/**
 * @file Who talks to whom, and how privately: channel and server credentials from the command
 *   line's flags.
 */
import { readFile } from 'node:fs/promises';
import { ChannelCredentials, ServerCredentials } from '@grpc/grpc-js';
import { messageOf, RegmeanError } from '../errors.ts';

/** How a merger is reached. Every path names a PEM file. */
export interface ServerSecurity {
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  /** Authority that signs the agents' certificates; turns on mutual TLS. */
  readonly clientCa?: string;
  readonly plaintext?: boolean;
}

/** How an agent reaches a merger. Every path names a PEM file. */
export interface ClientSecurity {
  /** Authority that signed the merger's certificate. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly plaintext?: boolean;
}

/**
 * The merger's credentials.
 *
 * @throws RegmeanError when the flags do not say how, or contradict each other
 */
export async function serverCredentials(options: ServerSecurity): Promise<ServerCredentials> {
  const { tlsCert, tlsKey, clientCa, plaintext } = options;
  if (plaintext === true) {
    refuseBeside('--plaintext', { '--tls-cert': tlsCert, '--tls-key': tlsKey, '--client-ca': clientCa });
    return ServerCredentials.createInsecure();
  }
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new RegmeanError(
      'usage',
      'the merger needs a certificate: pass --tls-cert FILE and --tls-key FILE',
      {
        hint: 'on a private network --plaintext does without; --client-ca FILE asks agents for certificates too',
      },
    );
  }
  const pair = {
    cert_chain: await readPem('--tls-cert', tlsCert),
    private_key: await readPem('--tls-key', tlsKey),
  };
  const authority = clientCa === undefined ? null : await readPem('--client-ca', clientCa);
  try {
    return ServerCredentials.createSsl(authority, [pair], authority !== null);
  } catch (cause) {
    throw new RegmeanError('usage', `--tls-cert and --tls-key: not a usable pair: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/**
 * The agent's credentials.
 *
 * @throws RegmeanError when the flags do not say how, or contradict each other
 */
export async function clientCredentials(options: ClientSecurity): Promise<ChannelCredentials> {
  const { ca, cert, key, plaintext } = options;
  if (plaintext === true) {
    refuseBeside('--plaintext', { '--ca': ca, '--cert': cert, '--key': key });
    return ChannelCredentials.createInsecure();
  }
  if (ca === undefined) {
    throw new RegmeanError(
      'usage',
      "the agent must know the merger: pass --ca FILE, its certificate's authority",
      {
        hint: 'on a private network --plaintext does without',
      },
    );
  }
  if ((cert === undefined) !== (key === undefined)) {
    throw new RegmeanError('usage', '--cert and --key belong together, one of them is missing');
  }
  const authority = await readPem('--ca', ca);
  try {
    return ChannelCredentials.createSsl(
      authority,
      key === undefined ? null : await readPem('--key', key),
      cert === undefined ? null : await readPem('--cert', cert),
    );
  } catch (cause) {
    if (cause instanceof RegmeanError) throw cause;
    throw new RegmeanError('usage', `--ca, --cert and --key: not usable: ${messageOf(cause)}`, { cause });
  }
}

function refuseBeside(flag: string, others: Readonly<Record<string, string | undefined>>): void {
  const given = Object.entries(others).find(([, value]) => value !== undefined);
  if (given !== undefined) throw new RegmeanError('usage', `${flag} and ${given[0]} contradict each other`);
}

async function readPem(flag: string, path: string): Promise<Buffer> {
  const content = await readFile(path).catch((cause: unknown) => {
    throw new RegmeanError('usage', `${flag} ${path}: it cannot be read: ${messageOf(cause)}`, { cause });
  });
  if (!content.includes('-----BEGIN ')) {
    throw new RegmeanError('usage', `${flag} ${path}: must be a PEM file, has no "-----BEGIN" in it`);
  }
  return content;
}
