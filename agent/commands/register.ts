import type { Command } from 'commander';
import { registerAdapterCommand } from './adapter.ts';
import { registerAgentContributeCommand } from './agent-contribute.ts';
import { registerAgentFetchCommand } from './agent-fetch.ts';
import { registerAgentFetchBaseCommand } from './agent-fetch-base.ts';
import { registerAgentInfoCommand } from './agent-info.ts';
import { registerAgentRefineCommand } from './agent-refine.ts';
import { registerAgentRunCommand } from './agent-run.ts';
import { registerAgentScoreCommand } from './agent-score.ts';
import { registerEvaluateCommand } from './evaluate.ts';
import { registerHeadStatsCommand } from './head-stats.ts';
import { registerPredictCommand } from './predict.ts';
import { registerQuestionsCommand } from './questions.ts';
import { registerStatsCommand } from './stats.ts';
import { registerTrainCommand } from './train.ts';

/** Adds the commands of the agent's side. */
export function registerAgentCommands(program: Command): void {
  registerTrainCommand(program);
  registerStatsCommand(program);
  registerHeadStatsCommand(program);
  registerPredictCommand(program);
  registerEvaluateCommand(program);
  registerQuestionsCommand(program);
  registerAdapterCommand(program);
  const agent = program
    .command('agent')
    .description('the networked agent: takes part in a round of a merger');
  registerAgentRunCommand(agent);
  registerAgentInfoCommand(agent);
  registerAgentFetchBaseCommand(agent);
  registerAgentContributeCommand(agent);
  registerAgentScoreCommand(agent);
  registerAgentRefineCommand(agent);
  registerAgentFetchCommand(agent);
}
