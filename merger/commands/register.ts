import type { Command } from 'commander';
import { registerHeadCommand } from './head.ts';
import { registerMatchCommand } from './match.ts';
import { registerMergeCommand } from './merge.ts';
import { registerMergeRoundCommand } from './merge-round.ts';
import { registerMergerServeCommand } from './serve.ts';
import { registerMergerStatusCommand } from './status.ts';

/** Adds the commands of the merger's side. */
export function registerMergerCommands(program: Command): void {
  registerMergeCommand(program);
  registerHeadCommand(program);
  registerMatchCommand(program);
  const merger = program.command('merger').description('the networked merger: one round of contributions');
  registerMergerServeCommand(merger);
  registerMergerStatusCommand(merger);
  registerMergeRoundCommand(merger);
}
