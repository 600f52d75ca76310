import { join } from 'node:path';
import type { Command } from 'commander';
import { threadsOption } from '../../shared/cli/compute-option.ts';
import { findShippedBase } from '../shipped-base.ts';

interface ExperimentFlags {
  readonly out?: string;
  readonly cache?: string;
  readonly threads?: number;
  readonly json?: boolean;
}

const help = `
Writes results.json, report.md and report.html into the output folder. What was computed before (a fine-tuned model, a
Gram, a score) is taken from its cache, so a stopped experiment continues, and one with a changed file computes only
what has changed. Experiment files to begin from: test/bench/experiments/.`;

/** Adds `regmean experiment`. */
export function registerExperimentCommand(program: Command): void {
  program
    .command('experiment')
    .summary('compare merge methods on data of your own')
    .description(
      'Run an experiment file: fine-tune agents, merge them in every way it names, score everything, write a report.',
    )
    .argument('<file>', 'experiment file (YAML)')
    .option('--out <dir>', 'folder for results and cache (default: experiments/NAME)')
    .option('--cache <dir>', 'folder of what is computed once; experiments may share it (default: OUT/cache)')
    .addOption(threadsOption())
    .option('--json', 'print the results as JSON instead of the report')
    .addHelpText('after', help)
    .action(async (file: string, flags: ExperimentFlags) => {
      const { readExperiment } = await import('./experiment-file.ts');
      const { reportFiles, runExperiment } = await import('./run-experiment.ts');
      const { markdownReport } = await import('./report/markdown.ts');
      const { commandContext } = await import('../../shared/cli/command-context.ts');
      const experiment = await readExperiment(file);
      const context = commandContext(flags);
      const out = flags.out ?? join('experiments', experiment.name);
      const results = await runExperiment(
        experiment,
        {
          shippedBase: experiment.base ?? findShippedBase('experiment'),
          out,
          ...(flags.cache === undefined ? {} : { cache: flags.cache }),
        },
        context,
      );
      process.stdout.write(flags.json === true ? `${JSON.stringify(results)}\n` : markdownReport(results));
      context.note(`report: ${join(out, reportFiles.html)}`);
    });
}
