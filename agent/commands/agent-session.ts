/**
 * @file What the networked agent's commands share: the connection, Ctrl-C, and lines about new
 *   tries.
 */
import type { Command } from 'commander';
import { positiveNumber } from '../../shared/cli/arguments.ts';
import { commandContext } from '../../shared/cli/command-context.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import type { ConnectionFlags, MergerConnection } from '../../shared/wire/connection.ts';
import type { RetryOptions } from '../../shared/wire/with-retries.ts';
import { retryWith } from '../client/retry-with.ts';

/** The flags of every command that talks to a merger. */
export interface SessionFlags extends ConnectionFlags {
  readonly stallTimeout: number;
  readonly threads?: number;
}

/** A connection with the rules for its calls. */
export interface AgentSession {
  readonly connection: MergerConnection;
  readonly retry: Omit<RetryOptions, 'address'>;
  readonly context: RunContext;
}

/** Adds the flag of the one timeout rule. */
export function addStallOption(command: Command): Command {
  return command.option(
    '--stall-timeout <seconds>',
    'give up when nothing moves for so long',
    positiveNumber,
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
  const context = commandContext(flags);
  try {
    await work({
      connection,
      context,
      retry: retryWith(context, flags.stallTimeout * 1000),
    });
  } finally {
    connection.close();
  }
}
