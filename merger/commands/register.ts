import type { Command } from 'commander';
import { registerMergerServeCommand } from './serve.ts';
import { registerMergerStatusCommand } from './status.ts';

/** Adds the commands of the merger's side. */
export function registerMergerCommands(program: Command): void {
  const merger = program.command('merger').description('the networked merger: one round of contributions');
  registerMergerServeCommand(merger);
  registerMergerStatusCommand(merger);
}
