import { describe, expect, it } from 'vitest';
import { Graph } from '../../../shared/graph/graph.ts';
import { lastToken } from '../../../shared/models/decoder-only.ts';
import { architectureOf } from '../../../shared/models/registry.ts';
import { createSession, type RunTensor } from '../../../shared/runtime/session.ts';
import { oneThread } from '../../support/run-context.ts';

/** The position that is read in each sequence. */
async function placesRead(
  inputIds: readonly (readonly number[])[],
  padTokenId: number | null,
  mask: readonly (readonly number[])[] = inputIds.map((row) => row.map(() => 1)),
): Promise<readonly number[]> {
  const graph = new Graph();
  const ids = graph.input('input_ids', 'int32', ['batch', 'seq']);
  const attentionMask = graph.input('attention_mask', 'int32', ['batch', 'seq']);
  const hidden = graph.input('hidden', 'float32', ['batch*seq', 1]);
  graph.output('read', lastToken(hidden, { inputIds: ids, attentionMask }, padTokenId));
  const session = await createSession(graph, oneThread);
  const [rows, length] = [inputIds.length, inputIds[0]?.length ?? 0];
  const int32 = (values: readonly (readonly number[])[]) => ({
    shape: [rows, length],
    data: Int32Array.from(values.flat()),
  });
  const positions = Float32Array.from({ length: rows * length }, (_, index) => index % length);
  const outputs = await session.run(
    new Map<string, RunTensor>([
      ['input_ids', int32(inputIds)],
      ['attention_mask', int32(mask)],
      ['hidden', { shape: [rows * length, 1], data: positions }],
    ]),
  );
  await session.dispose();
  return [...(outputs.get('read')?.data ?? [])].map(Number);
}

describe('the last token of a decoder that classifies', () => {
  it('is the rightmost that is not the padding token, whatever the mask says', async () => {
    const ids = [
      [5, 6, 7, 8],
      [5, 6, 0, 0],
      [5, 6, 7, 0],
      [5, 0, 7, 0],
      [0, 0, 5, 6],
      [0, 0, 0, 0],
    ];
    expect(await placesRead(ids, 0)).toEqual([3, 1, 2, 2, 3, 0]);
    expect(await placesRead(ids, 8)).toEqual([2, 3, 3, 3, 3, 3]);
  });

  it('is the rightmost that the mask keeps where no padding token is named', async () => {
    const ids = [
      [5, 6, 7, 2],
      [5, 6, 2, 2],
      [0, 0, 5, 2],
    ];
    const mask = [
      [1, 1, 1, 1],
      [1, 1, 1, 0],
      [0, 0, 1, 1],
    ];
    expect(await placesRead(ids, null, mask)).toEqual([3, 2, 3]);
  });
});

describe('pad_token_id', () => {
  const gpt2 = { vocab_size: 9, n_embd: 4, n_layer: 1, n_head: 1, eos_token_id: 2 };

  it.each([
    [7, { padTokenId: 7, inputs: { padTokenId: 7 } }],
    [null, { padTokenId: null, inputs: { padTokenId: 2 } }],
    [-1, { padTokenId: null, inputs: { padTokenId: 2 } }],
  ])('%s is the token that is looked past, and another fills batches where there is none', (id, expected) => {
    expect(architectureOf('gpt2').parseConfig({ ...gpt2, pad_token_id: id })).toMatchObject(expected);
  });
});
