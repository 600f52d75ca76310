import { encodeLabels } from '../data/encode-labels.ts';
import type { ExampleLabels } from '../data/example-labels.ts';
import type { LabelSpace } from '../data/label-space.ts';
import type { Row } from '../data/row.ts';
import { createRowProblems, show } from '../data/row-problems.ts';
import { RegmeanError } from '../errors.ts';
import type { EncodedExample } from '../examples/example.ts';
import { ignoredLabel, type TaskKind } from '../task.ts';
import { encodeTargets, followingTokens, foreignTokenizerHint, strayToken } from './encode-targets.ts';
import type { TokenEncoding } from './token-encoding.ts';
import type { Tokenizer } from './tokenizer.ts';

const leastMaxLength = 8;

/** Rows ready for batching. */
export interface EncodedRows {
  /** One example per row, in the order of the rows. */
  readonly examples: readonly EncodedExample[];
  /** How many rows were cut to the maximum length. */
  readonly truncated: number;
}

/** Limits of the model that reads the examples. */
export interface EncodeLimits {
  /**
   * The most tokens of an example, special tokens included; the tokenizer's own limit holds
   * besides.
   */
  readonly maxLength: number;
  /** Rows of `input_ids`, and tokens of texts, are checked against it. */
  readonly vocabSize?: number;
  /** How many numbers a row of `features` must be. */
  readonly features?: number;
}

/**
 * Whether any row is text or words, or has a text to generate; rows of `input_ids` or numbers need
 * no tokenizer.
 */
export function needsTokenizer(rows: readonly Row[], task: TaskKind): boolean {
  return rows.some(
    ({ input, label }) =>
      input.kind === 'text' || input.kind === 'words' || (task === 'text2text' && typeof label === 'string'),
  );
}

/**
 * Tokenizes rows and turns their labels into numbers. Text is cut to the maximum length; rows of
 * `input_ids` are taken as they are. In token classification the first token of each word carries
 * the word's label, all other tokens and special tokens -100.
 *
 * @param tokenizer null when no row needs one, see {@link needsTokenizer}
 * @param space the classes; null for regression and language tasks, and when rows are unlabelled
 * @throws RegmeanError `usage` for a maximum length below 8; `invalid-input` for unknown labels,
 *   rows of `input_ids` that are too long or outside the vocabulary, features of another number,
 *   rows that give no token, and text without a tokenizer or with one of another vocabulary
 */
export async function encodeRows(
  rows: readonly Row[],
  task: TaskKind,
  tokenizer: Tokenizer | null,
  space: LabelSpace | null,
  limits: EncodeLimits,
): Promise<EncodedRows> {
  const maxLength = Math.min(limits.maxLength, tokenizer?.maxLength ?? Number.POSITIVE_INFINITY);
  if (!(maxLength >= leastMaxLength)) {
    throw new RegmeanError(
      'usage',
      `max length: must be at least ${leastMaxLength} tokens, got ${maxLength}`,
    );
  }
  const labels =
    task === 'text2text'
      ? await encodeTargets(rows, tokenizer, { ...limits, maxLength })
      : encodeLabels(rows, task, space);
  const encodings = await encodeInputs(rows, tokenizer, maxLength);
  checkGivenIds(rows, limits);
  checkEmptyRows(rows, encodings);
  checkTokenizedIds(rows, encodings, limits.vocabSize);
  const examples = rows.map(({ input, label, source }, index): EncodedExample => {
    const own = labels[index] ?? null;
    if (input.kind === 'features') {
      return {
        inputIds: new Int32Array(1),
        tokenTypeIds: new Int32Array(1),
        attentionMask: Int32Array.of(1),
        features: Float32Array.from(input.features),
        labels: own,
        wordPositions: null,
        source,
      };
    }
    if (input.kind === 'ids') {
      const length = input.inputIds.length;
      const inputIds = Int32Array.from(input.inputIds);
      const attentionMask = Int32Array.from(input.attentionMask ?? new Int32Array(length).fill(1));
      return {
        inputIds,
        tokenTypeIds: input.tokenTypeIds ? Int32Array.from(input.tokenTypeIds) : new Int32Array(length),
        attentionMask,
        labels: task === 'causal-lm' ? followingTokens(inputIds, label, attentionMask) : own,
        ...(input.decoderInputIds === undefined
          ? {}
          : { decoderInputIds: Int32Array.from(input.decoderInputIds) }),
        wordPositions: null,
        source,
      };
    }
    const encoding = encodings.get(index);
    if (encoding === undefined) throw new Error(`row ${index} was not tokenized`);
    const { inputIds, tokenTypeIds, wordPositions } = encoding;
    return {
      inputIds,
      tokenTypeIds,
      attentionMask: new Int32Array(inputIds.length).fill(1),
      labels: task === 'causal-lm' ? followingTokens(inputIds, null) : alignLabels(own, encoding),
      wordPositions,
      source,
    };
  });
  let truncated = 0;
  for (const encoding of encodings.values()) truncated += encoding.truncated ? 1 : 0;
  return { examples, truncated };
}

async function encodeInputs(
  rows: readonly Row[],
  tokenizer: Tokenizer | null,
  maxLength: number,
): Promise<Map<number, TokenEncoding>> {
  const texts: { index: number; text: string; textPair: string | null }[] = [];
  const sentences: { index: number; words: readonly string[] }[] = [];
  for (const [index, { input, source }] of rows.entries()) {
    if (input.kind === 'ids' || input.kind === 'features') continue;
    if (tokenizer === null) {
      throw new RegmeanError(
        'invalid-input',
        `${source.file}, row ${source.row}: needs a tokenizer, got none with the model`,
        { hint: 'add tokenizer.json to the model folder, or give rows of input_ids' },
      );
    }
    if (input.kind === 'text') texts.push({ index, text: input.text, textPair: input.textPair });
    else sentences.push({ index, words: input.words });
  }
  const encodings = new Map<number, TokenEncoding>();
  if (tokenizer === null) return encodings;
  const textEncodings = await tokenizer.encodeTexts(texts, maxLength);
  const wordEncodings =
    sentences.length === 0
      ? []
      : await tokenizer.encodeWords(
          sentences.map(({ words }) => words),
          maxLength,
        );
  for (const [position, { index }] of texts.entries()) set(encodings, index, textEncodings[position]);
  for (const [position, { index }] of sentences.entries()) set(encodings, index, wordEncodings[position]);
  return encodings;
}

function set(
  encodings: Map<number, TokenEncoding>,
  index: number,
  encoding: TokenEncoding | undefined,
): void {
  if (encoding !== undefined) encodings.set(index, encoding);
}

/** Labels of words become labels of their first tokens; other labels stay. */
function alignLabels(labels: ExampleLabels, { wordPositions, inputIds }: TokenEncoding): ExampleLabels {
  if (wordPositions === null) return labels;
  if (!(labels instanceof Int32Array)) return null;
  const aligned = new Int32Array(inputIds.length).fill(ignoredLabel);
  for (const [word, position] of wordPositions.entries()) {
    if (position >= 0) aligned[position] = labels[word] as number;
  }
  return aligned;
}

function checkGivenIds(rows: readonly Row[], { maxLength, vocabSize, features }: EncodeLimits): void {
  const problems = createRowProblems();
  for (const { input, source } of rows) {
    if (input.kind === 'features' && features !== undefined && input.features.length !== features)
      problems.add(source, `features: must be ${features} numbers, got ${input.features.length}`);
    if (input.kind !== 'ids') continue;
    const { length } = input.inputIds;
    const ids = [...input.inputIds, ...(input.decoderInputIds ?? [])];
    const stray = vocabSize === undefined ? undefined : ids.find((id) => id >= vocabSize);
    if (length > maxLength)
      problems.add(source, `input_ids: must be at most ${maxLength} tokens, got ${length}`);
    else if (stray !== undefined) {
      problems.add(source, `input_ids: must be below the vocabulary size ${vocabSize}, got ${stray}`);
    }
  }
  problems.throwIfAny();
}

/**
 * Nothing can be computed of no tokens: where the tokenizer adds no special tokens, an empty text,
 * or words of which it leaves nothing, is refused.
 */
function checkEmptyRows(rows: readonly Row[], encodings: ReadonlyMap<number, TokenEncoding>): void {
  const problems = createRowProblems();
  for (const [index, { inputIds }] of encodings) {
    const row = rows[index];
    if (inputIds.length > 0 || row === undefined) continue;
    const [column, given] =
      row.input.kind === 'words'
        ? ['tokens', row.input.words]
        : ['text', row.input.kind === 'text' ? row.input.text : null];
    problems.add(row.source, `${column}: must give at least one token, got none from ${show(given)}`);
  }
  problems.throwIfAny(
    'the tokenizer leaves nothing of such a row: take it out of the file, or give it a text',
  );
}

function checkTokenizedIds(
  rows: readonly Row[],
  encodings: ReadonlyMap<number, TokenEncoding>,
  vocabSize = Number.POSITIVE_INFINITY,
): void {
  const problems = createRowProblems();
  for (const [index, { inputIds }] of encodings) {
    const stray = inputIds.find((id) => id >= vocabSize);
    const row = rows[index];
    if (stray !== undefined && row !== undefined) problems.add(row.source, strayToken(stray, vocabSize));
  }
  problems.throwIfAny(foreignTokenizerHint);
}
