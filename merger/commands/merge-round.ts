import { type Command, Option } from 'commander';
import * as parse from '../../shared/cli/arguments.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { gramScales, type MergeMethod, mergeMethods } from '../merge/merge-options.ts';

interface MergeRoundFlags {
  readonly store: string;
  readonly round?: string;
  readonly agents?: string[];
  readonly out: string;
  readonly method?: MergeMethod;
  readonly alpha?: number;
  readonly ridge?: number;
  readonly gramScale?: 'mean' | 'sum';
  readonly exclude?: string[];
  readonly json?: boolean;
}

/** Adds `regmean merger merge`. */
export function registerMergeRoundCommand(parent: Command): void {
  parent
    .command('merge')
    .description("merge a round's stored contributions again: any subset, any method, without the agents")
    .requiredOption('--store <dir>', "the merger's store")
    .requiredOption('--out <dir>', 'model folder to write')
    .option('--round <name>', 'which round of the store, when it holds several')
    .option(
      '--agents <names>',
      'agents to merge, separated by commas (default: all that contributed)',
      parse.nameList,
    )
    .addOption(new Option('--method <method>', "how to merge (default: the recipe's)").choices(mergeMethods))
    .option(
      '--alpha <number>',
      "share of the off-diagonal Gram entries that is kept (default: the recipe's)",
      parse.fraction,
    )
    .option(
      '--ridge <number>',
      "constant added to the diagonal of every Gram (default: the recipe's)",
      parse.nonNegativeNumber,
    )
    .addOption(
      new Option('--gram-scale <scale>', "what a Gram counts with (default: the recipe's)").choices(
        gramScales,
      ),
    )
    .option('--exclude <regex...>', "parameters that keep the base model's values (default: the recipe's)")
    .option('--json', 'print the merge report as JSON')
    .addHelpText(
      'after',
      '\nExample:\n  regmean merger merge --store store --agents north,south --alpha 0.5 --out pair',
    )
    .action(async (flags: MergeRoundFlags) => {
      const { listContributed, readRound } = await import('../round/round-store.ts');
      const { onlyRound } = await import('../service/stored-status.ts');
      const { commandContext } = await import('../../shared/cli/command-context.ts');
      const { mergeRound } = await import('../round/merge-round.ts');
      const round = await readRound(flags.store, flags.round ?? (await onlyRound(flags.store)));
      const contributed = await listContributed(round.paths);
      const agents = flags.agents ?? contributed;
      const absent = agents.find((agent) => !contributed.includes(agent));
      if (absent !== undefined || agents.length === 0) {
        const found =
          contributed.length === 0 ? 'nobody has contributed' : `stored are ${contributed.join(', ')}`;
        throw new RegmeanError('usage', `--agents: expected agents with a stored contribution, ${found}`);
      }
      const { method, alpha, ridge, gramScale, exclude } = round.recipe.merge;
      const report = await mergeRound(
        round,
        {
          agents,
          out: flags.out,
          merge: {
            ...round.recipe.merge,
            method: flags.method ?? method,
            alpha: flags.alpha ?? alpha,
            ridge: flags.ridge ?? ridge,
            gramScale: flags.gramScale ?? gramScale,
            exclude: flags.exclude ?? exclude,
          },
        },
        commandContext(),
      );
      process.stdout.write(
        flags.json === true
          ? `${JSON.stringify(report)}\n`
          : `merged ${agents.join(', ')} into ${flags.out}\n`,
      );
    });
}
