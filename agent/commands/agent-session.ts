/** @file What the networked agent's commands share: the connection, Ctrl-C, and lines about new tries. */
import { type Command, InvalidArgumentError } from 'commander';
import { type Progress, startProgress } from '../../shared/cli/progress.ts';
import type { ConnectionFlags, MergerConnection } from '../../shared/wire/connection.ts';
import type { RetryOptions } from '../../shared/wire/with-retries.ts';

/** The flags of every command that talks to a merger. */
export interface SessionFlags extends ConnectionFlags {
  readonly stallTimeout: number;
}

/** A connection with the rules for its calls. */
export interface AgentSession {
  readonly connection: MergerConnection;
  readonly retry: Omit<RetryOptions, 'address'>;
}

/** Adds the flag of the one timeout rule. */
export function addStallOption(command: Command): Command {
  return command.option(
    '--stall-timeout <seconds>',
    'give up when nothing moves for so long',
    parseSeconds,
    60,
  );
}

/** Connects, runs `work`, and closes; Ctrl-C ends it in order. */
export async function withSession(
  flags: SessionFlags,
  work: (session: AgentSession) => Promise<void>,
): Promise<void> {
  const { connectToMerger } = await import('../../shared/wire/connection.ts');
  const connection = await connectToMerger(flags);
  const interrupt = new AbortController();
  const stop = (): void => interrupt.abort();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    await work({
      connection,
      retry: {
        stallTimeoutMs: flags.stallTimeout * 1000,
        signal: interrupt.signal,
        onRetry: (error, delayMs) => {
          const hint = error.hint === undefined ? '' : ` (${error.hint})`;
          process.stderr.write(`${error.message}${hint}; trying again in ${delayMs / 1000} s\n`);
        },
      },
    });
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
    connection.close();
  }
}

/** Callbacks that show the progress of a transfer, which may begin again after a lost connection. */
export function transferProgress(label: string): {
  readonly onStart: (present: number, total: number) => void;
  readonly onBytes: (done: number) => void;
  readonly finish: (remark?: string) => void;
} {
  let progress: Progress | undefined;
  return {
    onStart(present, total) {
      const shown = present > 0 ? `${label} (resumed)` : label;
      progress = startProgress({ label: shown, total, unit: 'bytes', initial: present });
    },
    onBytes: (done) => progress?.update(done),
    finish: (remark) => progress?.finish(remark),
  };
}

function parseSeconds(value: string): number {
  const seconds = Number(value);
  if (!(seconds > 0)) throw new InvalidArgumentError('expected a positive number of seconds');
  return seconds;
}
