import { describe, expect, it, vi } from 'vitest';
import { formatBytes, formatDuration, startProgress } from '../../../shared/cli/progress.ts';

/** What progress writes to a stream that is a terminal, or is none. */
function record(isTTY: boolean, options: Partial<Parameters<typeof startProgress>[0]> = {}) {
  const written: string[] = [];
  const stream = { isTTY, write: (text: string) => written.push(text) > 0 } as unknown as NodeJS.WriteStream;
  return {
    written,
    progress: startProgress({ label: 'training', total: 2000, unit: 'tokens', ...options, stream }),
  };
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
      const { written, progress } = record(false);
      pass(5);
      progress.update(500, 'loss 0.3');
      progress.note('epoch 1 of 2');
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
      const { written, progress } = record(true);
      pass(1);
      progress.update(1000);
      pass(0.01);
      progress.update(1001);
      pass(0.99);
      progress.update(2000);
      progress.note('epoch 1');
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

describe('formatDuration', () => {
  it.each([
    [0, '0.0 s'],
    [9.94, '9.9 s'],
    [9.96, '10 s'],
    [59.4, '59 s'],
    [59.6, '1 min 0 s'],
    [119.7, '2 min 0 s'],
    [200, '3 min 20 s'],
    [3599.9, '1 h 0 min'],
    [7199, '2 h 0 min'],
    [7500, '2 h 5 min'],
    [Number.POSITIVE_INFINITY, '?'],
  ])('writes %d seconds as %s', (seconds, text) => expect(formatDuration(seconds)).toBe(text));
});

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [12.3 * 2 ** 20, '12.3 MiB'],
    [5 * 2 ** 40, '5.0 TiB'],
    [2 ** 50, '1024.0 TiB'],
  ])('writes %d bytes as %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));
});
