import { describe, expect, it } from 'vitest';
import { createArena, fillArena, isDecayed } from '../../../../agent/training/parameter-arena.ts';

describe('isDecayed', () => {
  it.each([
    'bert.encoder.layer.0.attention.self.query.weight',
    'bert.embeddings.word_embeddings.weight',
    'distilbert.transformer.layer.3.ffn.lin1.weight',
    'classifier.weight',
    'layer_norm_of_another_kind.dense.weight',
  ])('decays %s', (name) => expect(isDecayed(name)).toBe(true));

  it.each([
    'bert.encoder.layer.0.attention.self.query.bias',
    'cls.predictions.bias',
    'bias',
    'bert.embeddings.LayerNorm.weight',
    'bert.encoder.layer.0.output.LayerNorm.bias',
    'lm_head.layer_norm.weight',
    'distilbert.transformer.layer.0.sa_layer_norm.weight',
    'distilbert.transformer.layer.0.output_layer_norm.weight',
    'vocab_layer_norm.weight',
  ])('does not decay %s', (name) => expect(isDecayed(name)).toBe(false));
});

describe('createArena', () => {
  const shapes = new Map<string, readonly number[]>([
    ['a.bias', [2]],
    ['a.weight', [2, 3]],
    ['LayerNorm.weight', [1]],
    ['b.weight', [4]],
  ]);

  it('puts parameters with decay first, and makes every tensor a view of the flat array', () => {
    const arena = createArena(shapes);
    expect([...arena.tensors.keys()]).toEqual(['a.weight', 'b.weight', 'a.bias', 'LayerNorm.weight']);
    expect(arena.decayedLength).toBe(10);
    expect(arena.flat).toHaveLength(13);
    arena.flat.set(arena.flat.map((_, at) => at));
    expect([...arena.tensors].map(([name, { shape, data }]) => [name, shape, [...data]])).toEqual([
      ['a.weight', [2, 3], [0, 1, 2, 3, 4, 5]],
      ['b.weight', [4], [6, 7, 8, 9]],
      ['a.bias', [2], [10, 11]],
      ['LayerNorm.weight', [1], [12]],
    ]);
  });

  it('is filled by name, whatever the order of the weights', () => {
    const arena = createArena(new Map([...shapes].slice(0, 2)));
    fillArena(
      arena,
      new Map([
        ['elsewhere', { shape: [1], data: Float32Array.of(9) }],
        ['a.bias', { shape: [2], data: Float32Array.of(7, 8) }],
        ['a.weight', { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }],
      ]),
    );
    expect([...arena.flat]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });
});
