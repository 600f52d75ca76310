/**
 * @file What Hugging Face's library takes for granted in a tokenizer.json: where it is not so, the
 *   library ends the whole process instead of refusing.
 */
import { isUtf8 } from 'node:buffer';
import type { Tokenizer as NativeTokenizer } from 'tokenizers';
import { RegmeanError } from '../errors.ts';
import type { AddedToken } from './added-tokens.ts';
import type { Step } from './tokenizer-class.ts';
import { listItems } from './vocabulary.ts';

/** The parts of a tokenizer.json that are looked into; any of them may be anything. */
export interface NativeSteps {
  readonly model: Step;
  readonly normalizer?: unknown;
  readonly post_processor?: unknown;
}

/**
 * Checks what the library does not check itself. A step is known by its fields: the library goes by
 * them too where it does not know the type.
 *
 * @param where the file, named in errors
 * @throws RegmeanError `invalid-input` naming the field
 */
export function requireSafeSteps(
  { model, normalizer, post_processor: processor }: NativeSteps,
  where: string,
): void {
  requireLongMerges(model, where);
  for (const { step, path } of stepsWithin(normalizer, 'normalizer', 'normalizers')) {
    if (step.type === 'Precompiled' || 'precompiled_charsmap' in step)
      requireCharsmap(step, `${where}: ${path}.precompiled_charsmap`);
  }
  for (const { step, path } of stepsWithin(processor, 'post_processor', 'processors')) {
    if ('single' in step || 'pair' in step) requireTemplateTokens(step, `${where}: ${path}`);
  }
}

interface PlacedStep {
  readonly step: Step;
  /** Where it stands in tokenizer.json. */
  readonly path: string;
}

/** A step and those of its sequence, however deep. */
function stepsWithin(value: unknown, path: string, key: string): readonly PlacedStep[] {
  if (!isRecord(value)) return [];
  const inner = value[key];
  const steps = Array.isArray(inner) ? inner : [];
  return [
    { step: value, path },
    ...steps.flatMap((step, index) => stepsWithin(step, `${path}.${key}.${index}`, key)),
  ];
}

/**
 * An added token must not vanish in the normalizer where the text around it decides whether it is
 * one, or how much of it: what is nothing is found everywhere, also inside of a character.
 *
 * @throws RegmeanError `invalid-input` naming the token
 */
export function requireLastingTokens(
  native: NativeTokenizer,
  added: readonly AddedToken[],
  where: string,
): void {
  const normalizer = native.getNormalizer();
  for (const { content, special = false, normalized = !special, ...token } of added) {
    const looksAround = token.single_word === true || token.lstrip === true || token.rstrip === true;
    if (!normalized || !looksAround || content === '' || normalizer?.normalizeString(content) !== '')
      continue;
    throw new RegmeanError(
      'invalid-input',
      `${where}: the added token ${JSON.stringify(content)} must be left by the normalizer, got nothing`,
      { hint: 'set "normalized": false, or "single_word", "lstrip" and "rstrip" to false, for this token' },
    );
  }
}

/** The second piece of a merge is taken without the prefix that marks it. */
function requireLongMerges({ continuing_subword_prefix: prefix, merges }: Step, where: string): void {
  if (typeof prefix !== 'string' || prefix === '') return;
  const bytes = Buffer.byteLength(prefix);
  let index = 0;
  for (const merge of listItems(merges)) {
    const second: unknown = (
      typeof merge === 'string' ? merge.split(' ') : Array.isArray(merge) ? merge : []
    )[1];
    if (typeof second === 'string' && Buffer.byteLength(second) < bytes) {
      throw new RegmeanError(
        'invalid-input',
        `${where}: model.merges.${index}: the second piece must begin with continuing_subword_prefix ` +
          `${JSON.stringify(prefix)}, got ${JSON.stringify(second)}`,
        { hint: rewritten },
      );
    }
    index += 1;
  }
}

/** A template may only name special tokens that it lists. */
function requireTemplateTokens({ single, pair, special_tokens: listed }: Step, where: string): void {
  for (const [name, template] of Object.entries({ single, pair })) {
    for (const piece of Array.isArray(template) ? template : []) {
      const token = isRecord(piece) ? piece.SpecialToken : undefined;
      if (!isRecord(token) || typeof token.id !== 'string') continue;
      if (isRecord(listed) && Object.hasOwn(listed, token.id)) continue;
      throw new RegmeanError(
        'invalid-input',
        `${where}.${name}: must name tokens of special_tokens, got ${JSON.stringify(token.id)}`,
        { hint: rewritten },
      );
    }
  }
}

const rewritten = 'take tokenizer.json from where the model is from: it was changed by hand or cut';

function requireCharsmap({ precompiled_charsmap: text }: Step, where: string): void {
  const bytes = typeof text === 'string' ? Buffer.from(text, 'base64') : null;
  if (bytes === null || bytes.length === 0) {
    throw new RegmeanError('invalid-input', `${where} must be a map in base64, got ${inWords(text)}`, {
      hint: 'a Precompiled step without a map would leave texts as they are: take the step out',
    });
  }
  if (bytes.toString('base64') === text && isCharsmap(bytes)) return;
  throw new RegmeanError(
    'invalid-input',
    `${where} must be SentencePiece's map in base64, got ${bytes.length} bytes that are none`,
    { hint: rewritten },
  );
}

function inWords(value: unknown): string {
  return value === undefined || value === '' ? 'none' : JSON.stringify(value).slice(0, 80);
}

const leafBit = 1 << 8;
const wideOffsetBit = 1 << 9;

/**
 * Whether bytes are a map of characters as SentencePiece writes it: the size of a trie, its units
 * (a double array of Darts), and the texts that its leaves point into, in UTF-8. Every step that a
 * search can take in the trie must end inside of it.
 */
function isCharsmap(bytes: Buffer): boolean {
  if (bytes.length < 4) return false;
  const count = bytes.readUInt32LE(0) >>> 2;
  const texts = bytes.subarray(4 + 4 * count);
  if (count === 0 || 4 + 4 * count > bytes.length || !isUtf8(texts)) return false;
  const unitAt = (at: number): number => bytes.readUInt32LE(4 + 4 * at);
  const next = (at: number): number => {
    const unit = unitAt(at);
    return at ^ ((unit >>> 10) << ((unit & wideOffsetBit) >>> 6));
  };
  const seen = new Set([next(0)]);
  for (const node of seen) {
    for (let byte = 1; byte < 256; byte++) {
      const at = node ^ byte;
      if (at < 0 || at >= count) return false;
      const unit = unitAt(at);
      if ((unit & 0x8000_00ff) !== byte) continue;
      const child = next(at);
      if ((unit & leafBit) !== 0 && !isTextStart(texts, child < count ? unitAt(child) & 0x7fff_ffff : -1)) {
        return false;
      }
      seen.add(child);
    }
  }
  return true;
}

/** Whether a text of UTF-8 can be cut there. */
function isTextStart(texts: Uint8Array, at: number): boolean {
  return at >= 0 && at <= texts.length && ((texts[at] ?? 0) & 0xc0) !== 0x80;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
