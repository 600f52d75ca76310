import type { Command } from 'commander';
import { registerEvaluateCommand } from './evaluate.ts';
import { registerPredictCommand } from './predict.ts';
import { registerStatsCommand } from './stats.ts';
import { registerTrainCommand } from './train.ts';

/** Adds the commands of the agent's side. */
export function registerAgentCommands(program: Command): void {
  registerTrainCommand(program);
  registerStatsCommand(program);
  registerPredictCommand(program);
  registerEvaluateCommand(program);
}
