/**
 * @file In which fields of config.json two models of one family are other functions of equal
 *   weights. The rule is closed: fields that cannot change the function are listed
 *   (`config-fields.ts`), and every other one must mean the same.
 */
import { isDeepStrictEqual } from 'node:util';
import { fieldsWithoutEffect } from './config-fields.ts';
import { architectureOf, isKnownArchitecture } from './registry.ts';

/** config.json */
export type ConfigJson = Readonly<Record<string, unknown>>;

/** A field in which two models differ, `undefined` where one does not have it. */
export interface FieldDifference {
  readonly field: string;
  readonly first: unknown;
  readonly other: unknown;
}

/** What is dropped and how new weights begin matters in training alone. */
const ofTraining = /dropout|_pdrop$|^initializer_/;

/** Fields that mean nothing beside a head of one's own. */
const ofHeads = /^classifier_/;

/** Fields of heads that no known family has here. */
const ofOtherHeads = /^summary_/;

/** What models of all families are where config.json does not say it. */
const commonDefaults: ConfigJson = {
  is_decoder: false,
  add_cross_attention: false,
  tie_encoder_decoder: false,
  tie_word_embeddings: true,
  position_embedding_type: 'absolute',
  legacy: true,
  pruned_heads: {},
};

/**
 * Whether a field can make two models other functions of equal weights.
 *
 * @param heads `separate` where every model keeps the head that it has
 */
export function changesFunction(field: string, heads: 'united' | 'separate' = 'united'): boolean {
  if (fieldsWithoutEffect.has(field) || ofTraining.test(field)) return false;
  return heads === 'united' || !ofHeads.test(field);
}

/**
 * The fields that make two models other functions of equal weights. One that is absent, or null,
 * has its default. Of a known family two values mean the same where its configuration reads the
 * same of them: `rope_theta` or `rope_parameters`, `p2c|c2p` or a list.
 *
 * @param isCompared which fields count; see `changesFunction`
 */
export function configDifferences(
  first: ConfigJson,
  other: ConfigJson,
  isCompared: (field: string) => boolean = (field) => changesFunction(field),
): readonly FieldDifference[] {
  const fields = [...new Set([...Object.keys(first), ...Object.keys(other)])];
  const unequal = fields.filter((field) => !isSame(first[field], other[field]));
  const candidates = unequal.filter((field) => isCompared(field));
  if (candidates.length === 0) return [];
  const skipped = unequal.filter((field) => !isCompared(field));
  const family = familyOf(first, other);
  const isRead = (field: string): boolean => family?.reads(field) ?? false;
  const read = candidates.filter(isRead);
  const unread = candidates.filter(
    (field) => !isRead(field) && (family === null || !ofOtherHeads.test(field)),
  );
  const different = new Set([
    ...(family === null ? [] : differentlyRead(family, withFields(first, other, skipped), other, read)),
    ...unread.filter((field) => !isSame(withDefault(first, field), withDefault(other, field))),
  ]);
  return candidates.flatMap((field) =>
    different.has(field) ? [{ field, first: first[field], other: other[field] }] : [],
  );
}

/** What a known family makes of config.json. */
interface Family {
  /** What it reads; undefined of a configuration that it does not take. */
  parse(json: ConfigJson): unknown;
  /** Whether it looks at a field. */
  reads(field: string): boolean;
}

/** The family of two configurations; null where it is not known or does not take them. */
function familyOf(first: ConfigJson, other: ConfigJson): Family | null {
  if (!isKnownArchitecture(first.model_type) || first.model_type !== other.model_type) return null;
  const architecture = architectureOf(first.model_type);
  const parse = (json: ConfigJson): unknown => {
    try {
      return architecture.parseConfig(json);
    } catch {
      return undefined;
    }
  };
  const parsed = parse(first);
  if (parsed === undefined || parse(other) === undefined) return null;
  // A value that no field has is refused by those who read the field, or changes what they read.
  const impossible = [{}, 'no such value'];
  return {
    parse,
    reads: (field) =>
      impossible.some((value) => !isDeepStrictEqual(parse({ ...first, [field]: value }), parsed)),
  };
}

/**
 * The fields of two configurations that a family reads differently. One that changes nothing where
 * it is put into the other configuration says there what another field says already.
 */
function differentlyRead(
  { parse }: Family,
  first: ConfigJson,
  other: ConfigJson,
  fields: readonly string[],
): readonly string[] {
  const [own, others] = [parse(first), parse(other)];
  if (isDeepStrictEqual(own, others)) return [];
  const matters = (field: string): boolean =>
    !isDeepStrictEqual(parse(withFields(first, other, [field])), own) &&
    !isDeepStrictEqual(parse(withFields(other, first, [field])), others);
  const found = fields.filter(matters);
  return found.length === 0 ? fields : found;
}

/** A configuration with some fields of another one. */
function withFields(json: ConfigJson, from: ConfigJson, fields: readonly string[]): ConfigJson {
  const rest = Object.entries(json).filter(([field]) => !fields.includes(field));
  return Object.fromEntries([
    ...rest,
    ...fields.flatMap((field) => (from[field] === undefined ? [] : [[field, from[field]]])),
  ]);
}

function withDefault(json: ConfigJson, field: string): unknown {
  return json[field] ?? commonDefaults[field];
}

/** Whether two values are equal, null and absent being the same. */
function isSame(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(a ?? null, b ?? null);
}
