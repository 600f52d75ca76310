/** @file The labels of language tasks: tokens. */
import type { LabelsOfKind } from '../data/example-labels.ts';
import type { Row } from '../data/row.ts';
import { createRowProblems, show } from '../data/row-problems.ts';
import { RegmeanError } from '../errors.ts';
import { ignoredLabel } from '../task.ts';
import type { Tokenizer } from './tokenizer.ts';

/**
 * The targets of `text2text` rows as tokens: texts as the tokenizer ends them, cut to the maximum
 * length; lists of token ids as they are.
 *
 * @returns [target] for each row, null for unlabelled ones
 * @throws RegmeanError `invalid-input` for texts without a tokenizer, and tokens outside the
 *   vocabulary
 */
export async function encodeTargets(
  rows: readonly Row[],
  tokenizer: Tokenizer | null,
  limits: { readonly maxLength: number; readonly vocabSize?: number },
): Promise<(LabelsOfKind<'target'> | null)[]> {
  const texts = rows.flatMap(({ label, source }, index) => {
    if (typeof label !== 'string') return [];
    if (tokenizer === null) {
      throw new RegmeanError(
        'invalid-input',
        `${source.file}, row ${source.row}: a target of text needs a tokenizer, got none with the model`,
        { hint: 'add tokenizer.json to the model folder, or give labels as token ids' },
      );
    }
    return [{ index, text: label, textPair: null }];
  });
  const encodings = texts.length === 0 ? [] : await tokenizer?.encodeTexts(texts, limits.maxLength);
  const encoded = rows.map(({ label }): Int32Array | null =>
    Array.isArray(label) ? Int32Array.from(label as readonly number[]) : null,
  );
  for (const [position, { index }] of texts.entries())
    encoded[index] = encodings?.[position]?.inputIds ?? null;
  checkTokens(rows, encoded, limits.vocabSize);
  return encoded.map((ids) => (ids === null ? null : { kind: 'target', ids }));
}

/** What is said of a token of a text that the model has no embedding of. */
export function strayToken(id: number, vocabSize: number | undefined): string {
  return `the tokenizer gives token ${id}, must be below the vocabulary size ${vocabSize} of the model`;
}

export const foreignTokenizerHint =
  'tokenizer and model do not belong together: take both from the same folder';

/**
 * The label of each token in `causal-lm`: the token that follows it, -100 for the last; `given` as
 * in Hugging Face's rows. Of a row without labels, tokens that the mask leaves out are none.
 */
export function followingTokens(
  inputIds: Int32Array,
  given: Row['label'],
  attentionMask: Int32Array | null = null,
): LabelsOfKind<'following'> {
  const tokens = Array.isArray(given)
    ? Int32Array.from(given as readonly number[])
    : inputIds.map((id, index) => (attentionMask?.[index] === 0 ? ignoredLabel : id));
  const labels = new Int32Array(inputIds.length).fill(ignoredLabel);
  labels.set(tokens.subarray(1));
  return { kind: 'following', ids: labels };
}

function checkTokens(
  rows: readonly Row[],
  encoded: readonly (Int32Array | null)[],
  vocabSize: number | undefined,
): void {
  const problems = createRowProblems();
  let isForeign = false;
  for (const [index, { source, label }] of rows.entries()) {
    const tokens = encoded[index] ?? null;
    if (tokens === null) continue;
    const stray = tokens.find(
      (id) => id !== ignoredLabel && (id < 0 || (vocabSize !== undefined && id >= vocabSize)),
    );
    if (tokens.length === 0) {
      const given = typeof label === 'string' ? ` from ${show(label)}` : '';
      problems.add(source, `target: must give at least one token, got none${given}`);
    }
    if (stray !== undefined && typeof label === 'string') {
      problems.add(source, strayToken(stray, vocabSize));
      isForeign = true;
    } else if (stray !== undefined) {
      problems.add(source, `labels: must be -100 or below the vocabulary size ${vocabSize}, got ${stray}`);
    }
  }
  problems.throwIfAny(isForeign ? foreignTokenizerHint : undefined);
}
