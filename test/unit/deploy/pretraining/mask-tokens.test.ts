import { describe, expect, it } from 'vitest';
import { maskTokens } from '../../../../deploy/pretraining/mask-tokens.ts';
import { createRandom } from '../../../../shared/random.ts';

const vocabulary = { size: 1000, padTokenId: 0, maskTokenId: 4, firstOrdinaryId: 5 };
const [begin, end] = [2, 3];

/** A thousand sequences of 60 ordinary tokens between special ones. */
function sequences(seed: number): Int32Array[] {
  const random = createRandom(seed);
  return Array.from({ length: 1000 }, () =>
    Int32Array.from({ length: 62 }, (_, at) =>
      at === 0 ? begin : at === 61 ? end : 5 + Math.floor(random() * 995),
    ),
  );
}

function ids(feeds: ReturnType<typeof maskTokens>, name: string): Int32Array {
  return feeds.get(name)?.data as Int32Array;
}

describe('maskTokens', () => {
  const originals = sequences(1);
  const feeds = maskTokens(originals, vocabulary, createRandom(2));
  const [inputs, positions, labels] = ['input_ids', 'masked_positions', 'labels'].map((name) =>
    ids(feeds, name),
  ) as [Int32Array, Int32Array, Int32Array];
  const flat = originals.flatMap((sequence) => [...sequence]);

  it('predicts 15 % of the ordinary tokens', () => {
    expect(positions.length / 60_000).toBeCloseTo(0.15, 2);
  });

  it('replaces 80 % of them by [MASK], 10 % by a random token, and leaves 10 %', () => {
    const shown = [...positions].map((at) => inputs[at]);
    const share = (kept: (id: number | undefined, index: number) => boolean): number =>
      shown.filter(kept).length / shown.length;
    expect(share((id) => id === 4)).toBeCloseTo(0.8, 1.5);
    expect(share((id, index) => id === labels[index])).toBeCloseTo(0.1, 1.5);
    const random = shown.filter((id, index) => id !== 4 && id !== labels[index]) as number[];
    expect(random.length / shown.length).toBeCloseTo(0.1, 1.5);
    expect(new Set(random).size).toBeGreaterThan(400);
    expect(Math.min(...random)).toBeGreaterThanOrEqual(5);
    expect(Math.max(...random)).toBeLessThan(1000);
  });

  it('labels the predicted tokens with what stood there, and changes no other token', () => {
    expect([...labels]).toEqual([...positions].map((at) => flat[at]));
    const predicted = new Set(positions);
    expect(flat.every((id, at) => predicted.has(at) || inputs[at] === id)).toBe(true);
  });

  it('never predicts special tokens', () => {
    expect(labels.every((id) => id >= 5)).toBe(true);
  });

  it('masks the same tokens for the same seed, others for another', () => {
    const again = maskTokens(originals, vocabulary, createRandom(2));
    const other = maskTokens(originals, vocabulary, createRandom(3));
    expect(Buffer.from(ids(again, 'input_ids').buffer).equals(Buffer.from(inputs.buffer))).toBe(true);
    expect([...ids(other, 'masked_positions')]).not.toEqual([...positions]);
  });

  it('pads shorter sequences, and neither attends to nor predicts padding', () => {
    const short = maskTokens(
      [Int32Array.of(2, 10, 11, 12, 3), Int32Array.of(2, 13, 3)],
      vocabulary,
      createRandom(5),
    );
    expect([...ids(short, 'attention_mask')]).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 0, 0]);
    expect([...ids(short, 'input_ids').slice(8)]).toEqual([0, 0]);
    expect([...ids(short, 'masked_positions')].every((at) => at < 8)).toBe(true);
  });

  it('predicts one ordinary token unmasked where chance chose none', () => {
    const feeds = maskTokens([Int32Array.of(2, 10, 3)], vocabulary, () => 0.99);
    expect([...ids(feeds, 'masked_positions')]).toEqual([1]);
    expect([...ids(feeds, 'labels')]).toEqual([10]);
    expect([...ids(feeds, 'input_ids')]).toEqual([2, 10, 3]);
  });
});
