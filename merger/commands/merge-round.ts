import type { Command } from 'commander';
import * as parse from '../../shared/cli/arguments.ts';
import { threadsOption } from '../../shared/cli/compute-option.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { addMergeFlags, readMergeFlags } from './merge-flags.ts';

interface OtherFlags {
  readonly store: string;
  readonly round?: string;
  readonly agents?: string[];
  readonly out: string;
  readonly threads?: number;
  readonly json?: boolean;
}

/** Adds `regmean merger merge`. */
export function registerMergeRoundCommand(parent: Command): void {
  const command = parent
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
    .addOption(threadsOption())
    .option('--json', 'print the merge report as JSON');
  addMergeFlags(command, { defaults: 'recipe', without: ['base'] })
    .addHelpText(
      'after',
      '\nExample:\n  regmean merger merge --store store --agents north,south --alpha 0.5 --out pair',
    )
    .action(async (flags: OtherFlags) => {
      const { listContributed, readRound } = await import('../round/round-store.ts');
      const { onlyRound } = await import('../service/stored-status.ts');
      const { commandContext } = await import('../../shared/cli/command-context.ts');
      const { mergeRound } = await import('../round/merge-round.ts');
      const { changedMerge } = await import('../recipe/merge-section.ts');
      const round = await readRound(flags.store, flags.round ?? (await onlyRound(flags.store)));
      const contributed = await listContributed(round.paths);
      const agents = flags.agents ?? round.recipe.agents.filter((agent) => contributed.includes(agent));
      const absent = agents.find((agent) => !contributed.includes(agent));
      if (absent !== undefined || agents.length === 0) {
        const found =
          contributed.length === 0 ? 'nobody has contributed' : `stored are ${contributed.join(', ')}`;
        throw new RegmeanError('usage', `--agents: must be agents with a stored contribution, ${found}`);
      }
      const { method, given } = readMergeFlags(flags, round.recipe.merge.method);
      const report = await mergeRound(
        round,
        { agents, out: flags.out, merge: changedMerge(round.recipe.merge, method, given) },
        commandContext({ threads: flags.threads }),
      );
      process.stdout.write(
        flags.json === true
          ? `${JSON.stringify(report)}\n`
          : `merged ${agents.join(', ')} into ${flags.out}\n`,
      );
    });
}
