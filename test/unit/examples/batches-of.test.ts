import { describe, expect, it } from 'vitest';
import { batchesOf, type Pass, resultsOf } from '../../../shared/examples/batches-of.ts';
import type { EncodedExample } from '../../../shared/examples/example.ts';
import { createRunContext, type ProgressEvent } from '../../../shared/runtime/run-context.ts';
import { quietContext } from '../../support/run-context.ts';

/** An example of so many tokens; the last `filler` of them are padding of its own. */
function example(length: number, filler = 0): EncodedExample {
  return {
    inputIds: new Int32Array(length).fill(length),
    tokenTypeIds: new Int32Array(length),
    attentionMask: Int32Array.from({ length }, (_, at) => (at < length - filler ? 1 : 0)),
    labels: null,
    wordPositions: null,
    source: { file: 'rows.jsonl', row: length },
  };
}

const examples = [example(3), example(5, 1), example(2), example(4)];
const pass: Pass = {
  name: 'predicting',
  plan: [[2, 0], [3], [1]],
  task: 'text-classification',
  inputs: { padTokenId: 0 },
};

describe('batchesOf', () => {
  it('gives the batches of the plan, padded', async () => {
    const batches = [];
    for await (const batch of batchesOf(examples, pass, quietContext)) batches.push(batch);
    expect(batches.map(({ indices, seqLength }) => [indices, seqLength])).toEqual([
      [[2, 0], 3],
      [[3], 4],
      [[1], 5],
    ]);
    expect([...(batches[0]?.inputIds ?? [])]).toEqual([2, 2, 0, 3, 3, 3]);
  });

  it('tells how far it has come once a batch is done with', async () => {
    const events: ProgressEvent[] = [];
    const seen: number[] = [];
    const context = createRunContext({ onProgress: (event) => events.push(event) });
    for await (const _ of batchesOf(examples, pass, context)) seen.push(events.length);
    expect(seen).toEqual([0, 1, 2]);
    const work = { label: 'predicting', total: 14, unit: 'tokens' };
    expect(events).toEqual([
      { ...work, done: 5, finished: false },
      { ...work, done: 9, finished: false },
      { ...work, done: 13, finished: false },
      { ...work, done: 13, finished: true },
    ]);
  });

  it('can count examples', async () => {
    const events: ProgressEvent[] = [];
    const context = createRunContext({ onProgress: (event) => events.push(event) });
    for await (const _ of batchesOf(examples, { ...pass, unit: 'examples' }, context));
    expect(events.map(({ done, total }) => [done, total])).toEqual([
      [2, 4],
      [3, 4],
      [4, 4],
      [4, 4],
    ]);
  });

  it('stops before the next batch when it is asked to, even by what cannot interrupt a batch', async () => {
    const controller = new AbortController();
    const context = createRunContext({ signal: controller.signal });
    let batches = 0;
    const walk = async (): Promise<void> => {
      for await (const _ of batchesOf(examples, pass, context)) {
        batches++;
        setImmediate(() => controller.abort());
      }
    };
    await expect(walk()).rejects.toMatchObject({
      code: 'interrupted',
      message: 'predicting: stopped at batch 2 of 3',
    });
    expect(batches).toBe(1);
  });
});

it('resultsOf gives results in the order of the examples, whatever the plan', async () => {
  const lengths = await resultsOf(examples, pass, quietContext, ({ indices }) =>
    indices.map((index) => examples[index]?.inputIds.length),
  );
  expect(lengths).toEqual([3, 5, 2, 4]);
});
