import { encodeLabels } from '../data/encode-labels.ts';
import { asKind, type ExampleLabels } from '../data/example-labels.ts';
import type { LabelSpace } from '../data/label-space.ts';
import type { Row } from '../data/row.ts';
import { RegmeanError } from '../errors.ts';
import type { EncodedExample } from '../examples/example.ts';
import { ignoredLabel, type TaskKind } from '../task.ts';
import { checkEmptyRows, checkGivenInputs, checkTokenizedInputs, type EncodeLimits } from './check-inputs.ts';
import { encodeTargets, followingTokens } from './encode-targets.ts';
import type { TokenEncoding } from './token-encoding.ts';
import type { Tokenizer } from './tokenizer.ts';

const leastMaxLength = 8;

/** Rows ready for batching. */
export interface EncodedRows {
  /** One example per row, in the order of the rows. */
  readonly examples: readonly EncodedExample[];
  /** How many rows were cut to the maximum length. */
  readonly truncated: number;
  /** What people should know of how the rows were read. */
  readonly notes: readonly string[];
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
 *   rows of `input_ids` that are too long or have tokens or token types that the model lacks,
 *   features of another number, rows that give no token, and text without a tokenizer or with one
 *   of another vocabulary
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
  checkGivenInputs(rows, task, limits);
  checkEmptyRows(rows, encodings);
  checkTokenizedInputs(rows, encodings, limits);
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
  const noteOnWords = rows.some(({ input }) => input.kind === 'words') ? tokenizer?.noteOnWords : null;
  return { examples, truncated, notes: noteOnWords ? [noteOnWords] : [] };
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
function alignLabels(
  labels: ExampleLabels | null,
  { wordPositions, inputIds }: TokenEncoding,
): ExampleLabels | null {
  if (wordPositions === null) return labels;
  const tags = asKind(labels, 'tags');
  if (tags === null) return null;
  const aligned = new Int32Array(inputIds.length).fill(ignoredLabel);
  for (const [word, position] of wordPositions.entries()) {
    if (position >= 0) aligned[position] = tags.ids[word] as number;
  }
  return { kind: 'tags', ids: aligned };
}
