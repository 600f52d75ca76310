import { describe, expect, it, vi } from 'vitest';
import { createReporter } from '../../../shared/cli/progress.ts';
import type { Work } from '../../../shared/runtime/run-context.ts';

/** What progress writes to a stream that is a terminal, or is none. */
function record(isTTY: boolean, options: Partial<Work> = {}) {
  const written: string[] = [];
  const { note, progress } = createReporter({ isTTY, write: (text: string) => written.push(text) > 0 });
  const work = { label: 'training', total: 2000, unit: 'tokens', ...options };
  return { written, note, progress: progress(work) };
}

/** A clock that only moves when told to. */
function withClock(run: (pass: (seconds: number) => void) => void): void {
  vi.useFakeTimers({ toFake: ['performance'] });
  try {
    run((seconds) => vi.advanceTimersByTime(1000 * seconds));
  } finally {
    vi.useRealTimers();
  }
}

describe('progress elsewhere than on a terminal', () => {
  it('writes plain lines with share, remark, rate and time left', () => {
    withClock((pass) => {
      const { written, note, progress } = record(false);
      pass(5);
      progress.update(500, 'loss 0.3');
      note('epoch 1 of 2');
      pass(15);
      progress.finish('best epoch 1');
      expect(written).toEqual([
        'training 25% · loss 0.3 · 100 tokens/s · 15 s left\n',
        'epoch 1 of 2\n',
        'training done · 500 tokens in 20 s · best epoch 1\n',
      ]);
    });
  });

  it('writes a line every five seconds at most', () => {
    withClock((pass) => {
      const { written, progress } = record(false);
      for (let done = 1; done <= 11; done++) {
        pass(1);
        progress.update(done);
      }
      expect(written).toHaveLength(3);
      expect(written.every((line) => line.endsWith('\n') && !line.includes('\r'))).toBe(true);
    });
  });
});

describe('progress on a terminal', () => {
  it('keeps to one line, and gives notes and the end lines of their own', () => {
    withClock((pass) => {
      const { written, note, progress } = record(true);
      pass(1);
      progress.update(1000);
      pass(0.01);
      progress.update(1001);
      pass(0.99);
      progress.update(2000);
      note('epoch 1');
      progress.finish();
      const clear = '\r\u001b[2K';
      expect(written).toEqual([
        `${clear}training 50% · 1,000 tokens/s · 1.0 s left`,
        `${clear}training 100% · 1,000 tokens/s · 0.0 s left`,
        `${clear}epoch 1\n`,
        `${clear}training done · 2,000 tokens in 2.0 s\n`,
      ]);
    });
  });
});

describe('the rate', () => {
  it('leaves out what an earlier run did', () => {
    withClock((pass) => {
      const { written, progress } = record(false, { initial: 1000 });
      pass(10);
      progress.update(1500);
      expect(written).toEqual(['training 75% · 50.0 tokens/s · 10 s left\n']);
    });
  });

  it('is unknown, and so is the time left, before any time has passed', () => {
    withClock(() => {
      const { written, progress } = record(false);
      progress.update(0);
      expect(written).toEqual(['training 0% · 0.0 tokens/s · ? left\n']);
    });
  });
});
