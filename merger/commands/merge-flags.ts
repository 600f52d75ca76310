/** @file The flags of merging, made from the declarations of the methods and their options. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { z } from '../../shared/zod.ts';
import {
  autoDescription,
  autoMethod,
  defaultRule,
  type GivenAutoOptions,
  type GivenCandidate,
  givenAutoOptions,
  givenCandidateSchema,
  type MethodChoice,
  methodChoices,
  requireFitting,
} from '../auto/auto-options.ts';
import { candidatesOf, defaultCandidates } from '../auto/candidates.ts';
import { choiceRules } from '../merge/merge-report.ts';
import {
  type GivenOptions,
  type MergeOption,
  mergeOptionList,
  numberOptions,
  type TriedValues,
} from '../methods/merge-keys.ts';
import { bare, complaintAbout, defaultOf, elementOf } from '../methods/option.ts';
import { defaultMethod, mergeMethods } from '../methods/registry.ts';

/** How a command offers merging. */
export interface MergeFlagOptions {
  /** Where values come from that are not given: the methods' defaults, or a round's recipe. */
  readonly defaults: 'own' | 'recipe';
  /** Options that the command knows from elsewhere. */
  readonly without?: readonly string[];
  /** Options take several values, for a search: `--alpha 0.5,0.9`. */
  readonly search?: boolean;
}

/**
 * The flag of an option: fisherSmoothing is `--fisher-smoothing`. `--candidates` is the folder of
 * candidates, where a command makes one.
 */
export function flagOf(key: string): string {
  if (key === 'candidates') return '--among';
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** Adds `--method` and a flag for every option of merging. */
export function addMergeFlags(command: Command, options: MergeFlagOptions): Command {
  const { defaults, without = [] } = options;
  const method = new Option('--method <method>', `how to merge${defaultText(defaults, defaultMethod)}`);
  command.addOption(method.choices(methodChoices).helpGroup('Merging:'));
  for (const option of mergeOptionList) {
    if (!without.includes(option.key)) command.addOption(flag(option, options));
  }
  for (const own of autoFlags(defaults)) command.addOption(own);
  const help = command.createHelp();
  const width = Math.max(...methodChoices.map(({ length }) => length)) + 2;
  const methods = [...mergeMethods, { name: autoMethod, description: autoDescription }].map(
    ({ name, description }) => help.formatItem(name, width, description, help),
  );
  return command.addHelpText('after', `\nMethods:\n${methods.join('\n')}`);
}

/** What the flags of a command say of merging. */
export interface MergeFlags {
  readonly method: MethodChoice;
  /** One value per option. */
  readonly given: GivenOptions & GivenAutoOptions;
  /** Several values, of options that are searched. */
  readonly several: TriedValues;
}

/**
 * The values of flags.
 *
 * @param method the method where `--method` was not given
 * @throws RegmeanError `usage` for a flag of another method
 */
export function readMergeFlags(flags: object, method: MethodChoice = defaultMethod): MergeFlags {
  const { among: candidates, ...others } = flags as { readonly among?: readonly GivenCandidate[] };
  const values = new Map(Object.entries({ ...others, candidates }));
  const chosen = (values.get('method') as MethodChoice | undefined) ?? method;
  requireFitting(chosen, Object.fromEntries(values), flagOf);
  const given: Record<string, unknown> = {};
  const several: Record<string, readonly number[]> = {};
  for (const { key } of mergeOptionList) {
    const value = values.get(key);
    if (value instanceof Several) several[key] = value.values;
    else if (value !== undefined) given[key] = value;
  }
  for (const key of Object.keys(givenAutoOptions)) {
    if (values.get(key) !== undefined) given[key] = values.get(key);
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

/** The flags of the choice among candidates. */
function autoFlags(defaults: MergeFlagOptions['defaults']): readonly Option[] {
  const group = `Only with --method ${autoMethod}:`;
  const among = new Option(
    '--among <candidate>',
    'a candidate, as regmean,alpha=0.5,scale=1.5; repeatable, the order decides between equals and without scores ' +
      `(default: ${defaults === 'recipe' ? "the recipe's" : usualCandidates()})`,
  );
  const choose = new Option(
    '--choose <rule>',
    'score that counts: the mean over agents, that of the worst agent, or both: the best mean of those whose worst ' +
      `agent is within a point of the best${defaultText(defaults, defaultRule)}`,
  );
  return [
    among
      .argParser((text: string, all: readonly GivenCandidate[] = []) => [...all, readCandidate(text)])
      .helpGroup(group),
    choose.choices(choiceRules).helpGroup(group),
  ];
}

/** `regmean,alpha=0.5` */
function readCandidate(text: string): GivenCandidate {
  const [method = '', ...pairs] = text.split(',');
  const values = pairs.map((pair): [string, unknown] => {
    const at = pair.indexOf('=');
    const key = (at < 0 ? pair : pair.slice(0, at)).replace(/-([a-z])/g, (_, letter: string) =>
      letter.toUpperCase(),
    );
    const value = at < 0 ? '' : pair.slice(at + 1);
    const isNumber = numberOptions.some((own) => own.key === key);
    return [key, isNumber ? readNumber(value) : value];
  });
  const checked = givenCandidateSchema.safeParse({ method, ...Object.fromEntries(values) });
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  throw new InvalidArgumentError([...(issue?.path ?? []), issue?.message].join(': '));
}

function usualCandidates(): string {
  return candidatesOf(defaultCandidates, {})
    .map(({ title }) => title)
    .join('; ');
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
