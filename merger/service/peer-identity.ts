/** @file With mutual TLS an agent's name is the name in its certificate. */
import type { PeerCertificate } from 'node:tls';
import { RegmeanError } from '../../shared/errors.ts';

/** The names that a certificate speaks for: its common name and its DNS names. */
export function namesOf(certificate: PeerCertificate): string[] {
  const common: unknown = certificate.subject?.CN;
  const alternatives = (certificate.subjectaltname ?? '')
    .split(', ')
    .filter((entry) => entry.startsWith('DNS:'))
    .map((entry) => entry.slice('DNS:'.length));
  const commonNames = Array.isArray(common) ? common.map(String) : typeof common === 'string' ? [common] : [];
  return [...new Set([...commonNames, ...alternatives])];
}

/**
 * Checks that a certificate speaks for an agent.
 *
 * @throws RegmeanError that lists the certificate's names
 */
export function requireAgentName(certificate: PeerCertificate | undefined, agent: string): void {
  const names = certificate === undefined ? [] : namesOf(certificate);
  if (names.includes(agent)) return;
  throw new RegmeanError(
    'refused',
    `${agent}: the client certificate speaks for ${names.join(', ') || 'nobody'}`,
    {
      hint: "take part under the certificate's name",
    },
  );
}
