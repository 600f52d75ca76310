import { type Command, InvalidArgumentError } from 'commander';
import {
  type ColumnNames,
  columnFlag,
  columnKeys,
  columnNamesIn,
  columnNamesSchema,
} from '../data/column-names.ts';

/** Adds the flags that say what the columns of data files are called. */
export function addColumnOptions(command: Command): Command {
  for (const key of columnKeys) {
    const { description = '' } = columnNamesSchema.shape[key];
    command.option(`${columnFlag(key)} <name>`, description, (text: string) => {
      if (text === '') throw new InvalidArgumentError('must be the name of a column');
      return text;
    });
  }
  return command;
}

/** A command's flags with those of {@link addColumnOptions} gathered under `columns`. */
export function gatherColumns<T extends ColumnNames>(
  flags: T,
): Omit<T, keyof ColumnNames> & { columns: ColumnNames } {
  const {
    textColumn: _,
    pairColumn: __,
    labelColumn: ___,
    tokensColumn: ____,
    tagsColumn: _____,
    ...rest
  } = flags;
  return { ...rest, columns: columnNamesIn(flags) };
}
