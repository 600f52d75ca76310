import type { Command } from 'commander';
import * as parse from '../../shared/cli/arguments.ts';
import { threadsOption } from '../../shared/cli/compute-option.ts';
import { ridgeDefaults } from '../heads/ridge-head.ts';

interface HeadFlags {
  readonly model: string;
  readonly out: string;
  readonly ridge: number;
  readonly threads?: number;
  readonly json?: boolean;
}

const examples = `
Example:
  $ regmean head-stats --model fused --task text-classification --data train.jsonl --agent north --out north.safetensors
  $ regmean head north.safetensors south.safetensors --model fused --out final

The head is what a ridge regression on the data of all agents together would give, exactly.`;

/** Adds `regmean head`: one head for the data of all agents. */
export function registerHeadCommand(program: Command): void {
  program
    .command('head')
    .summary('fit one head of a merged model to the data of all agents')
    .description(
      'Fit one head of a merged model to the sums that agents made of their data with `regmean head-stats`.',
    )
    .argument('<statistics...>', 'files of agents')
    .requiredOption('--model <dir>', 'the merged model that they are of')
    .requiredOption('--out <dir>', 'model folder to write')
    .option(
      '--ridge <number>',
      'added to the diagonal of X^T X',
      parse.nonNegativeNumber,
      ridgeDefaults.ridge,
    )
    .addOption(threadsOption())
    .option('--json', 'print the result as JSON')
    .addHelpText('after', examples)
    .action(async (statistics: string[], { json, threads, ...flags }: HeadFlags) => {
      const { fitHead } = await import('../merge/fit-head.ts');
      const { commandContext } = await import('../../shared/cli/command-context.ts');
      const report = await fitHead({ ...flags, statistics }, commandContext({ threads }));
      if (json === true) {
        process.stdout.write(`${JSON.stringify(report)}\n`);
        return;
      }
      const rows = report.agents.reduce((sum, own) => sum + own.rows, 0);
      process.stdout.write(
        `${report.layer}: fitted to ${rows} rows of ${report.agents.length} agents, relative residual ` +
          `${report.relativeResidual.toExponential(1)}\nmodel: ${flags.out}\n`,
      );
    });
}
