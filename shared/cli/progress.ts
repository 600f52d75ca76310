/**
 * @file What a command tells while it works: one live line on a terminal, plain lines every few
 *   seconds elsewhere. It goes to standard error, so that standard output holds nothing but
 *   results.
 */
import type { Progress, RunContext, Work } from '../runtime/run-context.ts';
import { formatAmount, formatDuration } from '../text/amounts.ts';

const plainLineIntervalMs = 5_000;
const liveLineIntervalMs = 100;
const clearLine = '\r\x1b[2K';

/** Tells people how far work has come. */
export function createReporter(
  stream: Pick<NodeJS.WriteStream, 'write' | 'isTTY'>,
): Pick<RunContext, 'progress' | 'note'> {
  const live = stream.isTTY === true;
  const show = (text: string, end: boolean): void => {
    if (live) stream.write(`${clearLine}${text}${end ? '\n' : ''}`);
    else stream.write(`${text}\n`);
  };
  return {
    progress: (work) => startProgress(work, live ? liveLineIntervalMs : plainLineIntervalMs, show),
    note: (message) => show(message, true),
  };
}

function startProgress(
  { label, total, unit, initial = 0 }: Work,
  intervalMs: number,
  show: (text: string, end: boolean) => void,
): Progress {
  const startedAt = performance.now();
  let lastShownAt = Number.NEGATIVE_INFINITY;
  let lastDone = initial;

  const line = (done: number, remark: string | undefined): string => {
    const seconds = (performance.now() - startedAt) / 1000;
    const rate = seconds > 0 ? (done - initial) / seconds : 0;
    const percent = total > 0 ? Math.min(100, Math.floor((100 * done) / total)) : 100;
    const left = rate > 0 ? formatDuration((total - done) / rate) : '?';
    const parts = [`${label} ${percent}%`, `${formatAmount(rate, unit)}/s`, `${left} left`];
    if (remark !== undefined) parts.splice(1, 0, remark);
    return parts.join(' · ');
  };

  return {
    update(done, remark) {
      lastDone = done;
      const now = performance.now();
      if (now - lastShownAt < intervalMs) return;
      lastShownAt = now;
      show(line(done, remark), false);
    },
    finish(remark) {
      const seconds = (performance.now() - startedAt) / 1000;
      const amount = formatAmount(lastDone - initial, unit);
      show(`${label} done · ${amount} in ${formatDuration(seconds)}${remark ? ` · ${remark}` : ''}`, true);
    },
  };
}
