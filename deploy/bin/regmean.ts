#!/usr/bin/env node
/** @file The one binary: the agent's and the merger's commands under one program. */
import { Command } from 'commander';
import { registerAgentCommands } from '../../agent/commands/register.ts';
import { registerMergerCommands } from '../../merger/commands/register.ts';
import { outliveReaders } from '../../shared/cli/closed-pipes.ts';
import { runProgram } from '../../shared/cli/run-program.ts';
import { version } from '../../shared/files/tool-version.ts';
import { registerDemoCommand } from '../demo/command.ts';
import { registerExperimentCommand } from '../experiment/command.ts';

outliveReaders();
const program = new Command('regmean')
  .description(
    'fuse language models fine-tuned on private data: weights and Gram matrices travel, text never does',
  )
  .version(version);

registerAgentCommands(program);
registerMergerCommands(program);
registerExperimentCommand(program);
registerDemoCommand(program);
await runProgram(program, process.argv);
