/**
 * @file Which tokens are averaged so that models with different vocabularies can be compared: those
 *   of a word, and those of a run of words between separators.
 */

import type { Value } from '../../shared/graph/graph.ts';
import * as ops from '../../shared/graph/ops/index.ts';
import type { Size } from '../../shared/graph/sizes.ts';
import type { ModelGraph } from '../../shared/models/model-graph.ts';
import type { RunTensor } from '../../shared/runtime/session.ts';

/** Where a token stands in its text: characters from `[0]` up to `[1]`; none of special tokens. */
export type TokenOffsets = readonly (readonly number[])[];

/** A stretch of text whose tokens are averaged, in characters. */
export interface TextSpan {
  readonly start: number;
  readonly end: number;
}

const separator = '[SEP]';

/**
 * The spans of a text: at most `mostWords` words, evenly drawn, then every run of words between
 * separators.
 */
export function textSpansOf(text: string, mostWords: number): readonly TextSpan[] {
  const pieces = [...text.matchAll(/\S+/g)].map((match) => ({
    start: match.index,
    end: match.index + match[0].length,
    isSeparator: match[0] === separator,
  }));
  const words = pieces.filter(({ isSeparator }) => !isSeparator);
  const stride = Math.max(1, words.length / mostWords);
  const drawn = Array.from(
    { length: Math.min(words.length, mostWords) },
    (_, index) => words[Math.floor(index * stride)] as TextSpan,
  );
  const runs: TextSpan[] = [];
  let start: number | null = null;
  let end = 0;
  for (const piece of [...pieces, { start: 0, end: 0, isSeparator: true }]) {
    if (piece.isSeparator) {
      if (start !== null) runs.push({ start, end });
      start = null;
      continue;
    }
    start ??= piece.start;
    end = piece.end;
  }
  return [...drawn, ...runs].map(({ start: from, end: to }) => ({ start: from, end: to }));
}

/**
 * The spans that a tokenizer's tokens reach: a text that was cut has none for its end.
 *
 * @returns per span, the places of its tokens
 */
export function tokensOfSpans(
  spans: readonly TextSpan[],
  offsets: TokenOffsets,
): readonly (readonly number[])[] {
  return spans.map(({ start, end }) =>
    offsets.flatMap(([from = 0, to = 0], place) => (to > from && from >= start && to <= end ? [place] : [])),
  );
}

/**
 * Averages as a matrix to multiply hidden states with: [batch, rows, seq], a row of zeros where a
 * sequence has fewer spans.
 */
export function poolingMatrix(
  tokens: readonly (readonly (readonly number[])[])[],
  seq: number,
): RunTensor<Float32Array> {
  const rows = Math.max(1, ...tokens.map((spans) => spans.length));
  const data = new Float32Array(tokens.length * rows * seq);
  for (const [sequence, spans] of tokens.entries()) {
    for (const [row, places] of spans.entries()) {
      for (const place of places) data[(sequence * rows + row) * seq + place] = 1 / places.length;
    }
  }
  return { shape: [tokens.length, rows, seq], data };
}

/** Averaged hidden states of an encoder's graph, [batch, rows, hidden], by a new input `pool`. */
export function pooledStates({ graph, hidden }: Pick<ModelGraph, 'graph' | 'hidden'>): Value {
  const pool = graph.input('pool', 'float32', ['batch', 'rows', 'seq']);
  const [batch, , seq] = pool.shape as readonly [Size, Size, Size];
  const states = ops.reshape(hidden, [batch, seq, hidden.shape.at(-1) as Size]);
  return ops.matMul(pool, states);
}
