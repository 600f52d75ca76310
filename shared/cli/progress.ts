/**
 * @file Progress of long work: one live line on a terminal, plain lines every few seconds
 *   elsewhere. It goes to standard error, so that standard output holds nothing but results.
 */

const plainLineIntervalMs = 5_000;
const liveLineIntervalMs = 100;

/** Reports how far long work has come. */
export interface Progress {
  /** Sets the amount done so far, with an optional remark such as `loss 0.312`. */
  update(done: number, remark?: string): void;
  /** Writes a line of its own, such as an epoch's metrics. */
  note(text: string): void;
  /** Ends the line with a closing remark. */
  finish(remark?: string): void;
}

/** How progress is shown: where to, and in which unit amounts are counted. */
export interface ProgressOptions {
  /** What is being done: `training`, `uploading grams.safetensors`. */
  readonly label: string;
  /** The amount at which the work is complete. */
  readonly total: number;
  /** Unit of the amounts, shown with the rate: `tokens`, `bytes`, `batches`. */
  readonly unit: string;
  /** The amount already done by an earlier run; it takes no part in the rate. */
  readonly initial?: number;
  readonly stream?: NodeJS.WriteStream;
}

/** Starts reporting on one piece of work. */
export function startProgress(options: ProgressOptions): Progress {
  const stream = options.stream ?? process.stderr;
  const live = stream.isTTY === true;
  const startedAt = performance.now();
  const initial = options.initial ?? 0;
  let lastShownAt = Number.NEGATIVE_INFINITY;
  let lastDone = initial;

  const line = (done: number, remark: string | undefined): string => {
    const seconds = (performance.now() - startedAt) / 1000;
    const rate = seconds > 0 ? (done - initial) / seconds : 0;
    const percent = options.total > 0 ? Math.min(100, Math.floor((100 * done) / options.total)) : 100;
    const left = rate > 0 ? formatDuration((options.total - done) / rate) : '?';
    const parts = [`${options.label} ${percent}%`, `${formatAmount(rate, options.unit)}/s`, `${left} left`];
    if (remark !== undefined) parts.splice(1, 0, remark);
    return parts.join(' · ');
  };
  const show = (text: string, end: boolean): void => {
    if (live) stream.write(`\r\x1b[2K${text}${end ? '\n' : ''}`);
    else stream.write(`${text}\n`);
  };

  return {
    update(done, remark) {
      lastDone = done;
      const now = performance.now();
      if (now - lastShownAt < (live ? liveLineIntervalMs : plainLineIntervalMs)) return;
      lastShownAt = now;
      show(line(done, remark), false);
    },
    note(text) {
      show(text, true);
    },
    finish(remark) {
      const seconds = (performance.now() - startedAt) / 1000;
      const amount = formatAmount(lastDone - initial, options.unit);
      show(
        `${options.label} done · ${amount} in ${formatDuration(seconds)}${remark ? ` · ${remark}` : ''}`,
        true,
      );
    },
  };
}

/** Progress that shows nothing, for library use and tests. */
export const silentProgress: Progress = { update() {}, note() {}, finish() {} };

/** Seconds as people say them: `9 s`, `3 min 20 s`, `2 h 5 min`. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?';
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(whole / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Bytes in binary units: `12.3 MiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let amount = bytes;
  while (amount >= 1024 && unit < units.length - 1) {
    amount /= 1024;
    unit++;
  }
  return `${unit === 0 ? amount : amount.toFixed(1)} ${units[unit]}`;
}

function formatAmount(amount: number, unit: string): string {
  if (unit === 'bytes') return formatBytes(Math.round(amount));
  const rounded = amount >= 100 ? Math.round(amount).toLocaleString('en-US') : amount.toFixed(1);
  return `${rounded} ${unit}`;
}
