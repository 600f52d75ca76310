import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { registerAgentCommands } from '../../../agent/commands/register.ts';
import { registerMergerCommands } from '../../../merger/commands/register.ts';
import { addColumnOptions, gatherColumns } from '../../../shared/cli/column-options.ts';
import { columnFlag, columnKeys } from '../../../shared/data/column-names.ts';

const flags = ['--text-column', '--pair-column', '--label-column', '--tokens-column', '--tags-column'];

/** A command and those below it. */
function all(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(all)];
}

describe('the options that name columns', () => {
  it('are flags of every command that reads data', () => {
    const program = new Command();
    registerAgentCommands(program);
    registerMergerCommands(program);
    const readers = all(program).filter(({ options }) =>
      options.some(({ long }) => ['--data', '--train', '--validation'].includes(long ?? '')),
    );
    expect(readers.map((command) => command.name()).sort()).toEqual(
      [
        'train',
        'stats',
        'head-stats',
        'refine',
        'predict',
        'evaluate',
        'questions',
        'run',
        'merge',
        'match',
      ].sort(),
    );
    for (const command of readers) {
      const own = command.options.map(({ long }) => long);
      expect({ command: command.name(), flags: own.filter((flag) => flags.includes(flag ?? '')) }).toEqual({
        command: command.name(),
        flags,
      });
      expect(command.options.every(({ description }) => description !== '')).toBe(true);
    }
  });

  it('are called after their keys, and gathered under one', () => {
    expect(columnKeys.map(columnFlag)).toEqual(flags);
    const command = addColumnOptions(new Command()).option('--out <dir>');
    command.parse(['--text-column', 'review', '--out', 'o'], { from: 'user' });
    expect(gatherColumns(command.opts())).toEqual({ out: 'o', columns: { textColumn: 'review' } });
  });
});
