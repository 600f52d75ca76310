/** @file What both trainings of the small base share: its vocabulary, batches, accuracy. */
import type { Tokenizer } from 'tokenizers';
import type { Model } from '../../shared/models/model-folder.ts';
import { buildModelGraph } from '../../shared/models/model-graph.ts';
import { createRandom, deriveSeed, type Random, shuffle } from '../../shared/random.ts';
import type { Compute } from '../../shared/runtime/compute.ts';
import { createSession, type RunTensor } from '../../shared/runtime/session.ts';
import { maskTokens } from './mask-tokens.ts';

/** Seed of everything that is drawn. */
export const seed = 20_231;

/** Longest sequence, in tokens. */
export const maxLength = 128;

/** Sequences of a step. */
export const batchSize = 32;

/** Ids of the tokens that are no text. */
export const specialTokenIds = { pad: 0, unknown: 1, cls: 2, sep: 3, mask: 4, firstOrdinary: 5 } as const;

/** What masking has to know of the vocabulary. */
export const vocabulary = {
  size: 8192,
  padTokenId: specialTokenIds.pad,
  maskTokenId: specialTokenIds.mask,
  firstOrdinaryId: specialTokenIds.firstOrdinary,
} as const;

/**
 * Batches of this many sequences times the batch size are sorted by length, so that little is
 * padded.
 */
const bucketBatches = 32;

/** All items in shuffled batches of similar length. */
export function batches<T>(items: readonly T[], lengthOf: (item: T) => number, random: Random): T[][] {
  const order = shuffle([...items], random);
  const planned: T[][] = [];
  const bucket = bucketBatches * batchSize;
  for (let start = 0; start < order.length; start += bucket) {
    const sorted = order.slice(start, start + bucket).sort((a, b) => lengthOf(a) - lengthOf(b));
    for (let at = 0; at < sorted.length; at += batchSize) planned.push(sorted.slice(at, at + batchSize));
  }
  return shuffle(planned, random);
}

/** Texts as token ids, cut to the longest sequence. */
export async function encodeTexts(tokenizer: Tokenizer, texts: readonly string[]): Promise<Int32Array[]> {
  tokenizer.setTruncation(maxLength);
  const encodings = await tokenizer.encodeBatch([...texts]);
  return encodings.map((encoding) => Int32Array.from(encoding.getIds()));
}

/** Share of masked tokens that a model predicts exactly, with the same masks at every call. */
export async function maskedAccuracy(
  model: Model,
  sequences: readonly Int32Array[],
  compute: Compute,
): Promise<{ readonly accuracy: number; readonly loss: number }> {
  const built = buildModelGraph(model, { withLoss: true, dropoutSeed: null });
  built.graph.output('logits', built.logits);
  if (built.loss !== null) built.graph.output('loss', built.loss);
  const session = await createSession(built.graph, compute);
  const random = createRandom(deriveSeed(seed, 'held-out'));
  let correct = 0;
  let predicted = 0;
  let lossSum = 0;
  for (const batch of batches(sequences, ({ length }) => length, createRandom(seed))) {
    const feeds = maskTokens(batch, vocabulary, random);
    const results = await session.run(new Map<string, RunTensor>([...model.weights, ...feeds]));
    const logits = results.get('logits')?.data as Float32Array;
    const labels = feeds.get('labels')?.data as Int32Array;
    for (const [row, label] of labels.entries()) {
      const scores = logits.subarray(row * vocabulary.size, (row + 1) * vocabulary.size);
      if (scores.indexOf(scores.reduce((a, b) => Math.max(a, b))) === label) correct++;
    }
    predicted += labels.length;
    lossSum += Number(results.get('loss')?.data[0]) * labels.length;
  }
  await session.dispose();
  return { accuracy: correct / predicted, loss: lossSum / predicted };
}
