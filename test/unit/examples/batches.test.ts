import { describe, expect, it } from 'vitest';
import { collate } from '../../../shared/examples/collate.ts';
import type { EncodedExample } from '../../../shared/examples/example.ts';
import { planBatches, planEvaluationBatches } from '../../../shared/examples/plan-batches.ts';
import { createRandom } from '../../../shared/random.ts';
import type { TaskKind } from '../../../shared/task.ts';
import { type GivenLabels, labelsFor } from '../../support/example-labels.ts';

const random = createRandom(1);
const lengths = Array.from({ length: 1003 }, () => 5 + Math.floor(random() * 100));
const sorted = (positions: number[]) => [...positions].sort((a, b) => a - b);
const everyPosition = lengths.map((_, index) => index);
const paddedTokens = (batches: number[][]) =>
  batches.reduce(
    (sum, batch) => sum + batch.length * Math.max(...batch.map((index) => lengths[index] ?? 0)),
    0,
  );

describe('planBatches', () => {
  it('takes every example exactly once, in batches of at most the batch size', () => {
    const batches = planBatches(lengths, { batchSize: 16, seed: 3, epoch: 0 });
    expect(sorted(batches.flat())).toEqual(everyPosition);
    expect(Math.max(...batches.map((batch) => batch.length))).toBe(16);
    expect(batches).toHaveLength(Math.ceil(1003 / 16));
  });

  it('is the same for the same seed and epoch, and another one otherwise', () => {
    const plan = (seed: number, epoch: number) => planBatches(lengths, { batchSize: 16, seed, epoch });
    expect(plan(3, 1)).toEqual(plan(3, 1));
    expect(plan(3, 1)).not.toEqual(plan(3, 2));
    expect(plan(3, 1)).not.toEqual(plan(4, 1));
  });

  it('pads little', () => {
    const batches = planBatches(lengths, { batchSize: 16, seed: 3, epoch: 0 });
    const tokens = lengths.reduce((sum, length) => sum + length, 0);
    expect(paddedTokens(batches)).toBeLessThan(1.1 * tokens);
  });

  it('does not go from short to long inside a bucket', () => {
    const few = lengths.slice(0, 320);
    const batches = planBatches(few, { batchSize: 16, seed: 3, epoch: 0 });
    const firstLengths = batches.map(([first]) => lengths[first ?? 0] ?? 0);
    expect(firstLengths).not.toEqual(sorted(firstLengths));
  });

  it('can hold examples of one length each, as many batches in every epoch', () => {
    const many = [3, 5, 3, 4, 3, 5, 3, 3];
    for (const epoch of [0, 1, 2]) {
      const batches = planBatches(many, { batchSize: 2, seed: 3, epoch, equalLengths: true });
      expect(batches.flat().sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
      expect(batches.map((indices) => new Set(indices.map((index) => many[index])).size)).toEqual([
        1, 1, 1, 1, 1,
      ]);
    }
    expect(planEvaluationBatches(many, 3, true)).toEqual([[0, 2, 4], [6, 7], [3], [1, 5]]);
  });

  it('has no batches for no examples', () => {
    expect(planBatches([], { batchSize: 16, seed: 0, epoch: 0 })).toEqual([]);
  });
});

describe('planEvaluationBatches', () => {
  it('takes every example exactly once, from short to long', () => {
    const batches = planEvaluationBatches(lengths, 10);
    expect(sorted(batches.flat())).toEqual(everyPosition);
    const inOrder = batches.flat().map((index) => lengths[index] ?? 0);
    expect(inOrder).toEqual(sorted(inOrder));
  });
});

describe('collate', () => {
  const example = (
    ids: number[],
    labels: GivenLabels,
    {
      task = 'text-classification',
      attentionMask = ids.map(() => 1),
    }: { task?: TaskKind; attentionMask?: number[] } = {},
  ): EncodedExample => ({
    inputIds: Int32Array.from(ids),
    tokenTypeIds: Int32Array.from(ids, (_, position) => (position === 0 ? 0 : 1)),
    attentionMask: Int32Array.from(attentionMask),
    labels: labelsFor(task, labels),
    wordPositions: null,
    source: { file: 'rows.jsonl', row: ids.length },
  });

  it('pads to the longest of the batch with the given id', () => {
    const batch = collate(
      [example([9, 9, 9, 9], 0), example([5, 6, 7], 1), example([8], 2)],
      [2, 1],
      { padTokenId: 1 },
      'text-classification',
    );
    expect(batch).toEqual({
      batchSize: 2,
      seqLength: 3,
      inputIds: Int32Array.of(8, 1, 1, 5, 6, 7),
      attentionMask: Int32Array.of(1, 0, 0, 1, 1, 1),
      tokenTypeIds: Int32Array.of(0, 0, 0, 0, 1, 1),
      labels: Int32Array.of(2, 1),
      indices: [2, 1],
      tokens: 4,
    });
  });

  it('counts only tokens that the mask lets through', () => {
    expect(
      collate(
        [example([5, 6, 0], 1, { attentionMask: [1, 1, 0] })],
        [0],
        { padTokenId: 0 },
        'text-classification',
      ).tokens,
    ).toBe(2);
  });

  it('lays labels out as the task needs them', () => {
    const labels = (task: TaskKind, ...own: GivenLabels[]) =>
      collate(
        own.map((label, index) => example(index === 0 ? [5, 6, 7] : [5], label, { task })),
        [0, 1],
        { padTokenId: 0 },
        task,
      ).labels;
    expect(labels('regression', 0.5, -1)).toEqual(Float32Array.of(0.5, -1));
    expect(labels('multi-label-classification', Float32Array.of(1, 0), Float32Array.of(0, 1))).toEqual(
      Float32Array.of(1, 0, 0, 1),
    );
    expect(labels('token-classification', Int32Array.of(-100, 3, 2), Int32Array.of(1))).toEqual(
      Int32Array.of(-100, 3, 2, 1, -100, -100),
    );
    expect(labels('text-classification', null, null)).toBeNull();
    expect(labels('masked-lm', null, null)).toBeNull();
  });

  it('rejects labelled and unlabelled examples in one batch', () => {
    expect(() =>
      collate([example([5], 1), example([5, 6], null)], [0, 1], { padTokenId: 0 }, 'text-classification'),
    ).toThrow('rows.jsonl, row 2: must have a label like the other rows of its batch, got none');
  });
});
