/**
 * @file The merger's log: one line per event on standard error, `time level event key=value ...`.
 */

/** Values that a log line may carry; never any text of a data set. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Writes log lines. */
export interface Log {
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

/** A log that writes to `stream`. */
export function createLog(stream: { write(text: string): unknown }): Log {
  const write =
    (level: string) =>
    (event: string, fields: LogFields = {}): void => {
      const pairs = Object.entries(fields)
        .filter(([, value]) => value !== undefined)
        .map(([key, value]) => ` ${key}=${formatValue(value)}`);
      stream.write(`${new Date().toISOString()} ${level} ${event}${pairs.join('')}\n`);
    };
  return { info: write('info'), warn: write('warn'), error: write('error') };
}

function formatValue(value: string | number | boolean | undefined): string {
  const text = String(value);
  return /^[\w.:/+-]+$/.test(text) ? text : JSON.stringify(text);
}
