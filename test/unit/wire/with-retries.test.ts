import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { withRetries } from '../../../shared/wire/with-retries.ts';

const unavailable = (): ServiceError =>
  Object.assign(new Error('away'), { code: status.UNAVAILABLE, details: 'away', metadata: new Metadata() });
const refused = (): ServiceError =>
  Object.assign(new Error('no'), {
    code: status.FAILED_PRECONDITION,
    details: 'no',
    metadata: new Metadata(),
  });

describe('a call', () => {
  it('is tried again until it succeeds, and says why', async () => {
    const reasons: string[] = [];
    let tries = 0;
    const result = await withRetries(
      { address: 'host:1', onRetry: (error) => reasons.push(error.message) },
      async () => {
        tries++;
        if (tries < 3) throw unavailable();
        return 'done';
      },
    );
    expect(result).toBe('done');
    expect(reasons).toEqual(['host:1: away', 'host:1: away']);
  });

  it('is not tried again after a refusal', async () => {
    let tries = 0;
    const call = withRetries({ address: 'host:1' }, async () => {
      tries++;
      throw refused();
    });
    await expect(call).rejects.toThrow('no');
    expect(tries).toBe(1);
  });

  it('is given up when nothing moves for the stall timeout, with the last failure', async () => {
    const call = withRetries({ address: 'host:1', stallTimeoutMs: 400 }, async () => {
      throw unavailable();
    });
    await expect(call).rejects.toMatchObject({ code: 'network', message: 'host:1: away' });
  });

  it('that hangs is ended after the stall timeout', async () => {
    const call = withRetries({ address: 'host:1', stallTimeoutMs: 50 }, ({ signal }) => {
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(unavailable()));
      });
    });
    await expect(call).rejects.toMatchObject({ code: 'network', message: 'host:1: no bytes for 0.05 s' });
  });

  it('may be longer than the stall timeout as long as something moves', async () => {
    const call = withRetries({ address: 'host:1', stallTimeoutMs: 200 }, async ({ signal, progress }) => {
      for (let i = 0; i < 10; i++) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        signal.throwIfAborted();
        progress();
      }
      return 'done';
    });
    expect(await call).toBe('done');
  });

  it('ends when it is interrupted, also between two tries', async () => {
    const interrupt = new AbortController();
    const call = withRetries(
      { address: 'host:1', signal: interrupt.signal, onRetry: () => interrupt.abort() },
      async () => {
        throw unavailable();
      },
    );
    await expect(call).rejects.toMatchObject({ code: 'interrupted' });
  });
});
