/**
 * @file Entity spans in tag sequences and their F1, by the rules of the CoNLL-2000 and CoNLL-2003
 *   shared tasks' scorer (Tjong Kim Sang and De Meulder, 2003). They need not be told the scheme: a
 *   span begins at B or S (U), after an E (L) or S, after O and where the type changes, so IOB1,
 *   IOB2, IOBES and BILOU read alike.
 */

import type { Compared } from './classification.ts';

/** A typed stretch of tokens, `end` exclusive. */
export interface Span {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

/** Precision, recall and F1 of spans, exact in type and borders. */
export interface SpanScores {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** Spans claimed, existing and right. */
  readonly predicted: number;
  readonly gold: number;
  readonly correct: number;
}

const spanTag = /^([BIESLU])-(.+)$/;

/**
 * Whether labels are those of a span scheme: `O` and prefixed types such as `B-PER`, nothing else.
 */
export function areSpanTags(labels: readonly string[]): boolean {
  return (
    labels.some((label) => spanTag.test(label)) &&
    labels.every((label) => label === 'O' || spanTag.test(label))
  );
}

/** The spans of one sentence's tags, in order. */
export function spansOf(tags: readonly string[]): Span[] {
  const spans: Span[] = [];
  let type = '';
  let start = 0;
  let previous = 'O';
  const close = (end: number): void => {
    if (type !== '') spans.push({ type, start, end });
    type = '';
  };
  for (const [position, tag] of tags.entries()) {
    const [, prefix = 'O', own = ''] = spanTag.exec(tag) ?? [];
    const begins = 'BSU'.includes(prefix) || 'ELSUO'.includes(previous) || own !== type;
    if (prefix === 'O' || begins) close(position);
    if (prefix !== 'O' && begins) {
      type = own;
      start = position;
    }
    previous = prefix;
  }
  close(tags.length);
  return spans;
}

/**
 * Scores predicted against gold tags over all sentences together: precision = correct / predicted,
 * recall = correct / gold, F1 their harmonic mean; 0 where there is nothing to divide by.
 *
 * @param compared tags of each sentence, of the same lengths
 */
export function scoreSpans({ predicted, gold }: Compared<readonly (readonly string[])[]>): SpanScores {
  const counts = { predicted: 0, gold: 0, correct: 0 };
  for (const [sentence, goldTags] of gold.entries()) {
    const goldSpans = new Set(spansOf(goldTags).map(keyOf));
    const predictedSpans = spansOf(predicted[sentence] ?? []).map(keyOf);
    counts.gold += goldSpans.size;
    counts.predicted += predictedSpans.length;
    counts.correct += predictedSpans.filter((key) => goldSpans.has(key)).length;
  }
  const precision = counts.predicted === 0 ? 0 : counts.correct / counts.predicted;
  const recall = counts.gold === 0 ? 0 : counts.correct / counts.gold;
  const f1 = counts.correct === 0 ? 0 : (2 * precision * recall) / (precision + recall);
  return { precision, recall, f1, ...counts };
}

function keyOf({ type, start, end }: Span): string {
  return `${start}-${end}-${type}`;
}
