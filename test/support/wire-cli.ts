/** @file The networked commands as a program of their own, so that tests of the wire start quickly and stand alone. */
import { Command } from 'commander';
import { registerAgentContributeCommand } from '../../agent/commands/agent-contribute.ts';
import { registerAgentFetchCommand } from '../../agent/commands/agent-fetch.ts';
import { registerAgentFetchBaseCommand } from '../../agent/commands/agent-fetch-base.ts';
import { registerAgentInfoCommand } from '../../agent/commands/agent-info.ts';
import { registerMergerServeCommand } from '../../merger/commands/serve.ts';
import { registerMergerStatusCommand } from '../../merger/commands/status.ts';
import { exitCodeOf, RegmeanError } from '../../shared/errors.ts';

const program = new Command('regmean');
const agent = program.command('agent');
registerAgentInfoCommand(agent);
registerAgentContributeCommand(agent);
registerAgentFetchCommand(agent);
registerAgentFetchBaseCommand(agent);
const merger = program.command('merger');
registerMergerServeCommand(merger);
registerMergerStatusCommand(merger);

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof RegmeanError)) throw error;
  process.stderr.write(`error: ${error.message}${error.hint === undefined ? '' : `\nhint: ${error.hint}`}\n`);
  process.exitCode = exitCodeOf(error);
}
