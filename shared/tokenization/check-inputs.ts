/**
 * @file What rows hold, against what the model has: embeddings of tokens and of token types,
 *   positions. The engine's own failures name no row.
 */
import type { Row } from '../data/row.ts';
import { createRowProblems, show } from '../data/row-problems.ts';
import { ignoredLabel, type TaskKind } from '../task.ts';
import { foreignTokenizerHint, strayToken } from './encode-targets.ts';
import type { TokenEncoding } from './token-encoding.ts';

/** Limits of the model that reads the examples. */
export interface EncodeLimits {
  /**
   * The most tokens of an example, special tokens included; the tokenizer's own limit holds
   * besides.
   */
  readonly maxLength: number;
  /** Token ids are below it. */
  readonly vocabSize?: number;
  /** Token types are below it; absent where the model reads none. */
  readonly typeVocabSize?: number;
  /** How many numbers a row of `features` must be. */
  readonly features?: number;
}

/**
 * Checks rows of `input_ids` and of numbers, every column that they carry.
 *
 * @throws RegmeanError `invalid-input` with the rows that the model cannot read
 */
export function checkGivenInputs(rows: readonly Row[], task: TaskKind, limits: EncodeLimits): void {
  const { maxLength, vocabSize = Number.POSITIVE_INFINITY, features } = limits;
  const typeVocabSize = limits.typeVocabSize ?? Number.POSITIVE_INFINITY;
  const problems = createRowProblems();
  for (const { input, label, source } of rows) {
    if (input.kind === 'features' && features !== undefined && input.features.length !== features)
      problems.add(source, `features: must be ${features} numbers, got ${input.features.length}`);
    if (input.kind !== 'ids') continue;
    const { inputIds, decoderInputIds = [], tokenTypeIds } = input;
    const add = (column: string, rule: string, stray: number | undefined): void => {
      if (stray !== undefined) problems.add(source, `${column}: must be ${rule}, got ${stray}`);
    };
    const ofVocabulary = `below the vocabulary size ${vocabSize}`;
    const isStray = (id: number): boolean => id >= vocabSize;
    if (inputIds.length > maxLength) add('input_ids', `at most ${maxLength} tokens`, inputIds.length);
    else add('input_ids', ofVocabulary, inputIds.find(isStray));
    add('decoder_input_ids', ofVocabulary, decoderInputIds.find(isStray));
    const types = typeVocabSize === 1 ? '0, the one token type' : `below ${typeVocabSize}, the token types`;
    add(
      'token_type_ids',
      `${types} of the model`,
      tokenTypeIds?.find((type) => type >= typeVocabSize),
    );
    if (task === 'causal-lm' && Array.isArray(label)) {
      const tokens: readonly number[] = label.map(Number);
      const stray = tokens.find((id) => id !== ignoredLabel && (id < 0 || isStray(id)));
      add('labels', `${ignoredLabel} or ${ofVocabulary}`, stray);
    }
  }
  problems.throwIfAny();
}

/**
 * Nothing can be computed of no tokens: where the tokenizer adds no special tokens, an empty text,
 * or words of which it leaves nothing, is refused.
 *
 * @throws RegmeanError `invalid-input` with the rows
 */
export function checkEmptyRows(rows: readonly Row[], encodings: ReadonlyMap<number, TokenEncoding>): void {
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

/**
 * Checks what a tokenizer made of texts.
 *
 * @throws RegmeanError `invalid-input` with the rows of whose tokens the model has no embedding
 */
export function checkTokenizedInputs(
  rows: readonly Row[],
  encodings: ReadonlyMap<number, TokenEncoding>,
  { vocabSize = Number.POSITIVE_INFINITY, typeVocabSize = Number.POSITIVE_INFINITY }: EncodeLimits,
): void {
  const problems = createRowProblems();
  for (const [index, { inputIds, tokenTypeIds }] of encodings) {
    const row = rows[index];
    if (row === undefined) continue;
    const stray = inputIds.find((id) => id >= vocabSize);
    const type = tokenTypeIds.find((own) => own >= typeVocabSize);
    if (stray !== undefined) problems.add(row.source, strayToken(stray, vocabSize));
    else if (type !== undefined) {
      problems.add(
        row.source,
        `the tokenizer gives token type ${type}, must be below the ${typeVocabSize} types of the model`,
      );
    }
  }
  problems.throwIfAny(foreignTokenizerHint);
}
