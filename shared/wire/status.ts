/** @file The one place where the project's errors become gRPC statuses and come back. */
import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { type ErrorCode, messageOf, RegmeanError } from '../errors.ts';

const codeKey = 'regmean-error-code';
const hintKey = 'regmean-error-hint';

const statusOfCode: Readonly<Record<ErrorCode, status>> = {
  usage: status.INVALID_ARGUMENT,
  'not-found': status.NOT_FOUND,
  'invalid-input': status.INVALID_ARGUMENT,
  refused: status.FAILED_PRECONDITION,
  numerical: status.INTERNAL,
  unsupported: status.UNIMPLEMENTED,
  network: status.UNAVAILABLE,
  interrupted: status.ABORTED,
};
const errorCodes = Object.keys(statusOfCode) as ErrorCode[];

/** What a gRPC handler fails a call with. */
export interface StatusError extends Error {
  readonly code: status;
  readonly details: string;
  readonly metadata: Metadata;
}

/**
 * The gRPC status of an error: its message, its stable code and its hint. What is not a
 * `RegmeanError` becomes INTERNAL, except that a full disk is RESOURCE_EXHAUSTED.
 */
export function toStatus(error: unknown): StatusError {
  const metadata = new Metadata();
  if (error instanceof RegmeanError) {
    metadata.set(codeKey, error.code);
    if (error.hint !== undefined) metadata.set(hintKey, encodeURIComponent(error.hint));
    return statusError(statusOfCode[error.code], error.message, metadata);
  }
  const systemCode = (error as { code?: unknown } | null)?.code;
  if (systemCode === 'ENOSPC' || systemCode === 'EDQUOT') {
    metadata.set(codeKey, 'refused');
    metadata.set(hintKey, encodeURIComponent('make room on the merger, then send again: it resumes'));
    return statusError(status.RESOURCE_EXHAUSTED, `the merger's disk is full: ${messageOf(error)}`, metadata);
  }
  return statusError(status.INTERNAL, `the merger failed: ${messageOf(error)}`, metadata);
}

function statusError(code: status, details: string, metadata: Metadata): StatusError {
  return Object.assign(new Error(details), { code, details, metadata });
}

/**
 * The error that a failed call stands for. A status with the project's code in its metadata keeps
 * that code; any other is the transport's and becomes `network`.
 *
 * @param address the merger's address, for the message
 */
export function fromStatus(error: ServiceError, address: string): RegmeanError {
  const sentCode = error.metadata?.get(codeKey)[0];
  const code = errorCodes.find((known) => known === sentCode);
  const sentHint = error.metadata?.get(hintKey)[0];
  if (code !== undefined) {
    const hint = typeof sentHint === 'string' ? decodeURIComponent(sentHint) : undefined;
    return new RegmeanError(code, error.details, { cause: error, ...(hint === undefined ? {} : { hint }) });
  }
  const hint = transportHint(error.details);
  return new RegmeanError('network', `${address}: ${transportMessage(error.details)}`, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** Whether the same call may succeed when it is tried again. */
export function isWorthRetrying(error: ServiceError): boolean {
  if (isCertificateProblem(error.details)) return false;
  return (
    error.code === status.UNAVAILABLE ||
    error.code === status.CANCELLED ||
    error.code === status.UNKNOWN ||
    (error.code === status.INTERNAL && error.details.includes('RST_STREAM'))
  );
}

/** Whether an error is a gRPC status. */
export function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'details' in error && typeof error.code === 'number';
}

function isCertificateProblem(details: string): boolean {
  return /certificate|alert|altnames|self.signed|wrong version number/i.test(details);
}

/** The cause alone, without what the library says around it. */
function transportMessage(details: string): string {
  const lastError = /Last error: (?:Error: )?(.*?)(?: \([\dT:.-]+Z\))?\. Resolution note/.exec(details)?.[1];
  return lastError === undefined ? details : `no connection: ${lastError}`;
}

function transportHint(details: string): string | undefined {
  if (/wrong version number/i.test(details)) {
    return 'the merger speaks plaintext; pass --plaintext only if the network between you is private';
  }
  if (/alert|certificate required/i.test(details)) {
    return 'the merger asks for a client certificate; pass --cert and --key';
  }
  if (isCertificateProblem(details)) {
    return "pass the authority that signed the merger's certificate with --ca, and connect by a name in it";
  }
  if (/ECONNREFUSED/.test(details)) return 'is the merger running, and is the address right?';
  if (/ECONNRESET|socket hang up|Protocol error|closed|Failed to connect/i.test(details)) {
    return 'if the merger uses TLS pass --ca, with mutual TLS --cert and --key as well';
  }
  return undefined;
}
