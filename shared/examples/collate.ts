import {
  asKind,
  type ExampleLabels,
  type LabelsOfKind,
  labelKindOf,
  labelsOfKind,
} from '../data/example-labels.ts';
import { RegmeanError } from '../errors.ts';
import { ignoredLabel, type TaskKind } from '../task.ts';
import type { Batch, DecoderBatch, EncodedExample } from './example.ts';

/** Token ids that batches are filled up with. */
export interface PaddingIds {
  readonly padTokenId: number;
  /** Needed for `text2text`. */
  readonly decoderStartTokenId?: number;
}

/**
 * One batch of the examples at `indices`, padded on the right to the longest of them: ids with
 * `padTokenId`, mask and token types with 0, token labels with -100. A decoder's input is the
 * target moved by one: it begins with the start token, and ignored labels become padding.
 *
 * @param ids the model's: `padTokenId` is 0 for BERT, 1 for RoBERTa, whose positions are counted
 *   from it
 * @throws RegmeanError `invalid-input` when some examples have labels and others have none
 */
export function collate(
  examples: readonly EncodedExample[],
  indices: readonly number[],
  ids: PaddingIds,
  task: TaskKind,
): Batch {
  const chosen = indices.map((index) => exampleAt(examples, index));
  const batchSize = chosen.length;
  const seqLength = chosen.reduce((longest, { inputIds }) => Math.max(longest, inputIds.length), 0);
  const inputIds = new Int32Array(batchSize * seqLength).fill(ids.padTokenId);
  const attentionMask = new Int32Array(batchSize * seqLength);
  const tokenTypeIds = new Int32Array(batchSize * seqLength);
  let tokens = 0;
  for (const [row, example] of chosen.entries()) {
    inputIds.set(example.inputIds, row * seqLength);
    attentionMask.set(example.attentionMask, row * seqLength);
    tokenTypeIds.set(example.tokenTypeIds, row * seqLength);
    for (const flag of example.attentionMask) tokens += flag;
  }
  const targetLength = chosen.reduce((longest, example) => Math.max(longest, targetLengthOf(example)), 0);
  return {
    batchSize,
    seqLength,
    inputIds,
    attentionMask,
    tokenTypeIds,
    labels: collateLabels(chosen, task === 'text2text' ? targetLength : seqLength, task),
    ...(task === 'text2text' && targetLength > 0
      ? { decoder: collateDecoder(chosen, targetLength, ids) }
      : {}),
    ...(chosen[0]?.features === undefined ? {} : { features: collateFeatures(chosen) }),
    indices,
    tokens,
  };
}

function collateFeatures(examples: readonly EncodedExample[]): Float32Array {
  const width = examples[0]?.features?.length ?? 0;
  const all = new Float32Array(examples.length * width);
  for (const [row, { features = [] }] of examples.entries()) all.set(features, row * width);
  return all;
}

function exampleAt(examples: readonly EncodedExample[], index: number): EncodedExample {
  const example = examples[index];
  if (example === undefined)
    throw new RangeError(`collate: index must be below ${examples.length}, got ${index}`);
  return example;
}

function collateLabels(
  examples: readonly EncodedExample[],
  length: number,
  task: TaskKind,
): Int32Array | Float32Array | null {
  const kind = labelKindOf(task);
  if (kind === null || examples.every(({ labels }) => labels === null)) return null;
  switch (kind) {
    case 'class':
      return Int32Array.from(allLabels(examples, kind), ({ id }) => id);
    case 'value':
      return Float32Array.from(allLabels(examples, kind), ({ value }) => value);
    case 'flags': {
      const rows = allLabels(examples, kind).map(({ flags }) => flags);
      return place(new Float32Array(rows.length * (rows[0]?.length ?? 0)), rows);
    }
    case 'tags':
    case 'target':
    case 'following': {
      const rows = allLabels(examples, kind).map(({ ids }) => ids);
      return place(new Int32Array(rows.length * length).fill(ignoredLabel), rows);
    }
  }
}

/** How many tokens a `text2text` example's target has; 0 when it is not known. */
export function targetLengthOf({ labels, decoderInputIds }: EncodedExample): number {
  return decoderInputIds?.length ?? asKind(labels, 'target')?.ids.length ?? 0;
}

/**
 * What the decoder reads of a `text2text` example: what its row brings, or its target moved by one.
 *
 * @throws RegmeanError `invalid-input` when it has no target, or the model no token to begin from
 */
export function decoderInputIdsOf(
  example: EncodedExample,
  { padTokenId, decoderStartTokenId }: PaddingIds,
): Int32Array {
  if (example.decoderInputIds !== undefined) return example.decoderInputIds;
  const target = labelsOfKind(example.labels, 'target', () => unlabelled(example));
  if (decoderStartTokenId === undefined) {
    throw new RegmeanError(
      'invalid-input',
      'config.json: decoder_start_token_id must be given for text2text',
    );
  }
  const before = [decoderStartTokenId, ...target.ids.subarray(0, -1)];
  return Int32Array.from(before, (id) => (id === ignoredLabel ? padTokenId : id));
}

function collateDecoder(
  examples: readonly EncodedExample[],
  targetLength: number,
  ids: PaddingIds,
): DecoderBatch {
  const inputIds = new Int32Array(examples.length * targetLength).fill(ids.padTokenId);
  for (const [row, example] of examples.entries()) {
    inputIds.set(decoderInputIdsOf(example, ids), row * targetLength);
  }
  return { targetLength, inputIds };
}

/** The labels of the examples, which all have labels of that kind. */
function allLabels<K extends ExampleLabels['kind']>(
  examples: readonly EncodedExample[],
  kind: K,
): readonly LabelsOfKind<K>[] {
  return examples.map((example) => labelsOfKind(example.labels, kind, () => unlabelled(example)));
}

/** Puts rows into a matrix that has as many. */
function place<T extends Int32Array | Float32Array>(target: T, rows: readonly T[]): T {
  const stride = target.length / rows.length;
  for (const [index, row] of rows.entries()) target.set(row, index * stride);
  return target;
}

function unlabelled({ source }: EncodedExample): RegmeanError {
  return new RegmeanError(
    'invalid-input',
    `${source.file}, row ${source.row}: must have a label like the other rows of its batch, got none`,
  );
}
