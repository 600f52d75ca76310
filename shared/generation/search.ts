/**
 * @file How the next token of a text is chosen: the most probable one, or the best of several
 *   beams.
 */

/** What rows read next: a token each, and the row whose past each continues. */
export interface Continuation {
  readonly tokens: readonly number[];
  readonly parents: readonly number[];
}

/** The search for one text. Its rows are the beams, one for a greedy search. */
export interface Search {
  /**
   * Chooses the next tokens; null when the text is finished.
   *
   * @param logits [rows, vocab]
   */
  advance(logits: Float32Array): Continuation | null;
  /** The best text so far, without the token that ended it. */
  best(): Int32Array;
}

/** How texts are searched for. */
export interface SearchOptions {
  /** Texts that are followed at once; 1 takes the most probable token each time. */
  readonly beams: number;
  /** Exponent of the length that a text's log-probability is divided by, of several beams. */
  readonly lengthPenalty: number;
  readonly endTokenIds: readonly number[];
}

/** A search for one text. */
export function createSearch(options: SearchOptions): Search {
  return options.beams === 1 ? createGreedySearch(options) : createBeamSearch(options);
}

function createGreedySearch({ endTokenIds }: SearchOptions): Search {
  const tokens: number[] = [];
  return {
    advance(logits) {
      const token = logits.indexOf(logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY));
      if (endTokenIds.includes(token)) return null;
      tokens.push(token);
      return { tokens: [token], parents: [0] };
    },
    best: () => Int32Array.from(tokens),
  };
}

interface Beam {
  readonly tokens: readonly number[];
  /** log p of the tokens. */
  readonly score: number;
}

/**
 * Beam search: the best `2 beams` continuations of all beams are looked at in order. One that ends
 * the text is kept when it is among the first `beams`; the others go on. The search is over when
 * `beams` texts are kept and the best that goes on is not better than the worst of them, as in
 * `generate` of `transformers`. A text counts with log p / length^lengthPenalty, its end token
 * included in the length.
 */
function createBeamSearch({ beams, lengthPenalty, endTokenIds }: SearchOptions): Search {
  let running: readonly Beam[] = [{ tokens: [], score: 0 }];
  let ended: readonly Beam[] = [];
  const normalized = (score: number, length: number): number => score / length ** lengthPenalty;
  const keep = (tokens: readonly number[], score: number, length: number): void => {
    ended = [...ended, { tokens, score: normalized(score, length) }]
      .sort((a, b) => b.score - a.score)
      .slice(0, beams);
  };
  return {
    advance(logits) {
      const vocabSize = logits.length / beams;
      const length = (running[0]?.tokens.length ?? 0) + 1;
      const candidates = bestContinuations(running, logits, vocabSize, 2 * beams);
      const next: (Beam & { readonly parent: number })[] = [];
      for (const [rank, { parent, token, score }] of candidates.entries()) {
        const before = running[parent]?.tokens ?? [];
        if (!endTokenIds.includes(token)) next.push({ tokens: [...before, token], score, parent });
        else if (rank < beams) keep(before, score, length);
        if (next.length === beams) break;
      }
      running = next;
      const worst = ended.at(-1)?.score ?? Number.NEGATIVE_INFINITY;
      const attainable = normalized(next[0]?.score ?? Number.NEGATIVE_INFINITY, length);
      if (next.length === 0 || (ended.length === beams && worst >= attainable)) {
        running = [];
        return null;
      }
      const rows = Array.from({ length: beams }, (_, row) => next[row] ?? (next[0] as (typeof next)[number]));
      return {
        tokens: rows.map(({ tokens }) => tokens.at(-1) as number),
        parents: rows.map(({ parent }) => parent),
      };
    },
    best() {
      const unfinished = running.map(({ tokens, score }) => ({
        tokens,
        score: normalized(score, Math.max(1, tokens.length)),
      }));
      const [first] = [...ended, ...unfinished].sort((a, b) => b.score - a.score);
      return Int32Array.from(first?.tokens ?? []);
    },
  };
}

interface Candidate {
  readonly parent: number;
  readonly token: number;
  readonly score: number;
}

/** The `count` most probable continuations of beams by one token, best first. */
function bestContinuations(
  beams: readonly Beam[],
  logits: Float32Array,
  vocabSize: number,
  count: number,
): readonly Candidate[] {
  const best: Candidate[] = [];
  for (const [parent, { score: before }] of beams.entries()) {
    const own = logits.subarray(parent * vocabSize, (parent + 1) * vocabSize);
    const logSum = logSumOfExponentials(own);
    for (const [token, logit] of own.entries()) {
      const score = before + logit - logSum;
      if (best.length === count && score <= (best.at(-1) as Candidate).score) continue;
      const at = best.findIndex((candidate) => candidate.score < score);
      best.splice(at < 0 ? best.length : at, 0, { parent, token, score });
      if (best.length > count) best.pop();
    }
  }
  return best;
}

function logSumOfExponentials(values: Float32Array): number {
  const highest = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return highest + Math.log(values.reduce((sum, value) => sum + Math.exp(value - highest), 0));
}
