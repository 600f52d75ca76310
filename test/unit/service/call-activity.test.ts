import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createCallActivity } from '../../../merger/service/call-activity.ts';

const never = new AbortController().signal;

describe('createCallActivity', () => {
  it('is quiet when no call was open for long enough, whether calls end well or not', async () => {
    const activity = createCallActivity();
    const order: string[] = [];
    const calls = [60, 20].map(async (ms) => {
      await activity.during(sleep(ms).then(() => Promise.reject(new Error('cut')))).catch(() => {});
      order.push(`${ms} ended`);
    });
    await activity.quiet(40, never);
    order.push('quiet');
    await Promise.all(calls);
    expect(order).toEqual(['20 ended', '60 ended', 'quiet']);
  });

  it('waits no longer than it is asked to', async () => {
    const activity = createCallActivity();
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 20);
    await activity.quiet(60_000, stop.signal);
    expect(stop.signal.aborted).toBe(true);
  });
});
