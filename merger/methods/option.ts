/**
 * @file An option of merging: a zod schema with its help. It is declared once; the command line,
 *   recipes, experiment files, reports and model cards are made from the declarations.
 */

import { RegmeanError } from '../../shared/errors.ts';
import { z } from '../../shared/zod.ts';

/** What people are told of an option. */
export interface OptionMeta {
  /** What it does, in one line. */
  readonly help: string;
  /** How model cards call it; its key in words when absent. */
  readonly label?: string;
  /** What stands for its value in `--help`; `number` when absent. */
  readonly value?: string;
  /** The default in words, where it is more than the schema's own. */
  readonly default?: string;
  /** Reads its value from a command line, where it is no number, choice, text or list of texts. */
  readonly fromText?: (text: string) => unknown;
  /** Values that other options must have for it to mean something: `{ covariance: 'weights' }`. */
  readonly onlyWith?: Readonly<Record<string, string>>;
  /** How results of several values are shown, for numbers; made of the rest when absent. */
  readonly sweep?: Sweep;
}

/** How an experiment shows results against the values of an option. */
export interface Sweep {
  readonly title: string;
  /** Name of the axis with the values. */
  readonly axis: string;
  /** One sentence on what was done. */
  readonly note: string;
}

const metas = z.registry<OptionMeta>();

/**
 * Declares an option.
 *
 * @param schema its type, bounds and default
 */
export function option<Schema extends z.ZodType>(schema: Schema, meta: OptionMeta): Schema {
  const described = schema.describe(meta.help);
  metas.add(described, meta);
  return described;
}

/** What was declared of an option. */
export function metaOf(schema: z.ZodType): OptionMeta {
  const meta = metas.get(schema);
  if (meta === undefined) throw new TypeError('metaOf: schema must be declared by option()');
  return meta;
}

/** A schema without its default and without being optional: what a value that is given must be. */
export type Bare<Schema> =
  Schema extends z.ZodDefault<infer Inner>
    ? Bare<Inner>
    : Schema extends z.ZodOptional<infer Inner>
      ? Bare<Inner>
      : Schema;

/** See `Bare`. */
export function bare<Schema extends z.ZodType>(schema: Schema): Bare<Schema> {
  const inner: unknown =
    schema instanceof z.ZodDefault || schema instanceof z.ZodOptional
      ? bare(schema.unwrap() as z.ZodType)
      : schema;
  return inner as Bare<Schema>;
}

/** What the elements of a list are; undefined for what is no list. */
export function elementOf(schema: z.ZodType): z.ZodType | undefined {
  const list = schema instanceof z.ZodReadonly ? schema.unwrap() : schema;
  return list instanceof z.ZodArray ? (list.element as z.ZodType) : undefined;
}

/** An option's default as people are told it; undefined when it has none. */
export function defaultOf(schema: z.ZodType): string | undefined {
  const words = metaOf(schema).default;
  if (words !== undefined || !(schema instanceof z.ZodDefault)) return words;
  const value: unknown = schema.def.defaultValue;
  return Array.isArray(value) && value.length === 0 ? undefined : String(value);
}

/** An option's key in words: fisherSmoothing is `fisher smoothing`. */
export function inWords(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

/** What is wrong with a value that is given for an option. */
export interface Complaint {
  /** `must be between 0 and 1` */
  readonly rule: string;
  /** The value, or the one of a list, that is wrong. */
  readonly got: string;
}

/** What is wrong with a value that is given for an option; undefined when it is right. */
export function complaintAbout(schema: z.ZodType, value: unknown): Complaint | undefined {
  const wanted = bare(schema) as z.ZodType;
  const issue = wanted.safeParse(value).error?.issues[0];
  if (issue === undefined) return undefined;
  const at = issue.path[0];
  const element = typeof at === 'number' ? elementOf(wanted) : undefined;
  const got = element === undefined ? value : (value as readonly unknown[])[Number(at)];
  // Words of the schema's own; those for types and bounds name the value, which is told by itself.
  const own = /^must be (?!.*, got )(.*)/.exec(issue.message)?.[1];
  return { rule: `must be ${own ?? requirementOf(element ?? wanted)}`, got: format(got) };
}

/**
 * Checks a set of options and fills in the defaults that they have.
 *
 * @throws RegmeanError `usage`, naming the option
 */
export function readOptions<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  given: Readonly<Record<string, unknown>>,
): z.output<z.ZodObject<Shape>> {
  for (const [key, own] of Object.entries(schema.shape) as [string, z.ZodType][]) {
    const value = given[key];
    const complaint = value === undefined ? undefined : complaintAbout(own, value);
    if (complaint === undefined) continue;
    const { rule, got } = complaint;
    throw new RegmeanError('usage', `${inWords(key)}: ${rule}, got ${got}`);
  }
  return schema.parse(given);
}

/** What a number or a choice must be, read off its schema. */
function requirementOf(schema: z.ZodType): string {
  const { type, enum: choices, minimum, exclusiveMinimum, maximum } = z.toJSONSchema(schema);
  if (choices !== undefined) return `one of ${choices.join(', ')}`;
  const name = type === 'integer' ? 'a whole number' : `a ${type}`;
  if (minimum !== undefined && maximum !== undefined) return `between ${minimum} and ${maximum}`;
  if (minimum !== undefined) return `${name} from ${minimum}`;
  return exclusiveMinimum === undefined ? name : `${name} above ${exclusiveMinimum}`;
}

function format(value: unknown): string {
  if (Array.isArray(value)) return value.join(', ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
