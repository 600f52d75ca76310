import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { type ErrorCode, RegmeanError } from '../../../shared/errors.ts';
import { fromStatus, isWorthRetrying, toStatus } from '../../../shared/wire/status.ts';

const asServiceError = (code: status, details: string, metadata = new Metadata()): ServiceError =>
  Object.assign(new Error(details), { code, details, metadata });

describe('an error', () => {
  const codes: ErrorCode[] = [
    'usage',
    'not-found',
    'invalid-input',
    'refused',
    'numerical',
    'unsupported',
    'network',
  ];
  for (const code of codes) {
    it(`keeps its code, message and hint over the wire: ${code}`, () => {
      const sent = toStatus(new RegmeanError(code, 'Größe: must be 3, got 4', { hint: 'use »3«' }));
      const received = fromStatus(asServiceError(sent.code, sent.details, sent.metadata), 'host:1');
      expect(received).toMatchObject({ code, message: 'Größe: must be 3, got 4', hint: 'use »3«' });
    });
  }

  it('of a full disk tells the agent what happened and that nothing is lost', () => {
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    const sent = toStatus(full);
    expect(sent.code).toBe(status.RESOURCE_EXHAUSTED);
    const received = fromStatus(asServiceError(sent.code, sent.details, sent.metadata), 'host:1');
    expect(received.message).toBe("the merger's disk is full: ENOSPC: no space left on device, write");
    expect(received.hint).toContain('it resumes');
    expect(isWorthRetrying(asServiceError(sent.code, sent.details))).toBe(false);
  });

  it('that is a defect becomes INTERNAL and is not tried again', () => {
    const sent = toStatus(new TypeError('x is not a function'));
    expect(sent).toMatchObject({ code: status.INTERNAL, details: 'the merger failed: x is not a function' });
    expect(isWorthRetrying(asServiceError(sent.code, sent.details))).toBe(false);
  });

  it('of the transport loses what the library says around its cause', () => {
    const details =
      'No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:1 (2026-01-02T03:04:05.678Z). Resolution note: ';
    const received = fromStatus(asServiceError(status.UNAVAILABLE, details), '127.0.0.1:1');
    expect(received).toMatchObject({
      code: 'network',
      message: '127.0.0.1:1: no connection: connect ECONNREFUSED 127.0.0.1:1',
      hint: 'is the merger running, and is the address right?',
    });
  });
});

describe('another try', () => {
  it('is made when the merger is away', () => {
    expect(isWorthRetrying(asServiceError(status.UNAVAILABLE, 'Connection dropped'))).toBe(true);
  });

  it('is not made after a refusal', () => {
    expect(isWorthRetrying(asServiceError(status.FAILED_PRECONDITION, 'wrong base'))).toBe(false);
  });

  it('is not made when the certificate is not trusted', () => {
    const details =
      'No connection established. Last error: Error: self-signed certificate in certificate chain';
    expect(isWorthRetrying(asServiceError(status.UNAVAILABLE, details))).toBe(false);
  });
});
