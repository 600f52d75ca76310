/** @file The flags of merging, made from the declarations of the methods and their options. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { z } from '../../shared/zod.ts';
import {
  type GivenOptions,
  type MergeOption,
  mergeOptionList,
  methodNames,
  numberOptions,
  requireOwnOptions,
  type TriedValues,
} from '../methods/merge-keys.ts';
import { bare, complaintAbout, defaultOf, elementOf } from '../methods/option.ts';
import { defaultMethod, type MethodName, mergeMethods } from '../methods/registry.ts';

/** How a command offers merging. */
export interface MergeFlagOptions {
  /** Where values come from that are not given: the methods' defaults, or a round's recipe. */
  readonly defaults: 'own' | 'recipe';
  /** Options that the command knows from elsewhere. */
  readonly without?: readonly string[];
  /** Options take several values, for a search: `--alpha 0.5,0.9`. */
  readonly search?: boolean;
}

/** The flag of an option: fisherSmoothing is `--fisher-smoothing`. */
export function flagOf(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** Adds `--method` and a flag for every option of merging. */
export function addMergeFlags(command: Command, options: MergeFlagOptions): Command {
  const { defaults, without = [] } = options;
  const method = new Option('--method <method>', `how to merge${defaultText(defaults, defaultMethod)}`);
  command.addOption(method.choices(methodNames).helpGroup('Merging:'));
  for (const option of mergeOptionList) {
    if (!without.includes(option.key)) command.addOption(flag(option, options));
  }
  const help = command.createHelp();
  const width = Math.max(...methodNames.map(({ length }) => length)) + 2;
  const methods = mergeMethods.map(({ name, description }) =>
    help.formatItem(name, width, description, help),
  );
  return command.addHelpText('after', `\nMethods:\n${methods.join('\n')}`);
}

/** What the flags of a command say of merging. */
export interface MergeFlags {
  readonly method: MethodName;
  /** One value per option. */
  readonly given: GivenOptions;
  /** Several values, of options that are searched. */
  readonly several: TriedValues;
}

/**
 * The values of flags.
 *
 * @param method the method where `--method` was not given
 * @throws RegmeanError `usage` for a flag of another method
 */
export function readMergeFlags(flags: object, method: MethodName = defaultMethod): MergeFlags {
  const values = new Map(Object.entries(flags));
  const chosen = (values.get('method') as MethodName | undefined) ?? method;
  requireOwnOptions(chosen, Object.fromEntries(values), flagOf);
  const given: Record<string, unknown> = {};
  const several: Record<string, readonly number[]> = {};
  for (const { key } of mergeOptionList) {
    const value = values.get(key);
    if (value instanceof Several) several[key] = value.values;
    else if (value !== undefined) given[key] = value;
  }
  return { method: chosen, given, several };
}

/** Values that a search tries. */
class Several {
  readonly values: readonly number[];

  constructor(values: readonly number[]) {
    this.values = values;
  }
}

function flag(option: MergeOption, { defaults, search = false }: MergeFlagOptions): Option {
  const { key, schema, meta, methods } = option;
  const wanted = bare(schema) as z.ZodType;
  const isList = elementOf(wanted) !== undefined;
  const isSearched = search && numberOptions.some((own) => own.key === key);
  const notes = `${isList ? '; repeatable' : ''}${defaultText(defaults, defaultOf(schema))}`;
  // Where no argument can follow, several texts may stand after one flag.
  const value = `${meta.value ?? 'number'}${isList && defaults === 'recipe' ? '...' : ''}`;
  const made = new Option(`${flagOf(key)} <${value}>`, `${meta.help}${notes}`).helpGroup(
    methods === null ? 'Merging:' : `Only with --method ${methods.join(' or ')}${conditions(meta)}:`,
  );
  if (wanted instanceof z.ZodEnum) return made.choices(wanted.options as string[]);
  if (isList) {
    return made.argParser(
      (text: string, all: readonly unknown[] | undefined) =>
        check(wanted, [...(all ?? []), text]) as readonly unknown[],
    );
  }
  const read = meta.fromText ?? (wanted instanceof z.ZodNumber ? readNumber : (text: string) => text);
  if (!isSearched) return made.argParser((text: string) => check(wanted, read(text)));
  return made.argParser((text: string) => {
    const values = text.split(',').map((own) => check(wanted, read(own)) as number);
    return values.length === 1 ? values[0] : new Several(values);
  });
}

/** Values of other flags that a flag needs. */
function conditions({ onlyWith = {} }: MergeOption['meta']): string {
  return Object.entries(onlyWith)
    .map(([key, value]) => ` ${flagOf(key)} ${value}`)
    .join('');
}

function defaultText(defaults: MergeFlagOptions['defaults'], own: string | undefined): string {
  const text = defaults === 'recipe' ? "the recipe's" : own;
  return text === undefined ? '' : ` (default: ${text})`;
}

function readNumber(text: string): number {
  return text.trim() === '' ? Number.NaN : Number(text);
}

function check(schema: z.ZodType, value: unknown): unknown {
  const complaint = complaintAbout(schema, value);
  if (complaint !== undefined) throw new InvalidArgumentError(complaint.rule);
  return value;
}
