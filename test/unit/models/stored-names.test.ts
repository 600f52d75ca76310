import { describe, expect, it } from 'vitest';
import { storedNames } from '../../../shared/models/stored-names.ts';

const parameters = new Map(
  ['bert.embeddings.weight', 'bert.LayerNorm.weight', 'bert.LayerNorm.bias', 'head.dense.weight'].map(
    (name) => [name, null],
  ),
);
const stored = (...tensors: string[]): Record<string, string> =>
  Object.fromEntries(storedNames(tensors, parameters, 'bert'));

describe('storedNames', () => {
  it('finds parameters under their names', () => {
    expect(stored('bert.embeddings.weight', 'head.dense.weight')).toEqual({
      'bert.embeddings.weight': 'bert.embeddings.weight',
      'head.dense.weight': 'head.dense.weight',
    });
  });

  it("finds the backbone's parameters under names without its own, and heads beside them", () => {
    expect(stored('embeddings.weight', 'head.dense.weight')).toEqual({
      'bert.embeddings.weight': 'embeddings.weight',
      'head.dense.weight': 'head.dense.weight',
    });
  });

  it('finds LayerNorm under its old names', () => {
    expect(stored('LayerNorm.gamma', 'bert.LayerNorm.beta')).toEqual({
      'bert.LayerNorm.weight': 'LayerNorm.gamma',
      'bert.LayerNorm.bias': 'bert.LayerNorm.beta',
    });
  });

  it('leaves tensors of other heads what they are called', () => {
    expect(stored('predictions.weight', 'head.weight')).toEqual({
      'predictions.weight': 'predictions.weight',
      'head.weight': 'head.weight',
    });
  });

  it('prefers the whole name where a checkpoint has both', () => {
    expect(stored('embeddings.weight', 'bert.embeddings.weight')).toEqual({
      'bert.embeddings.weight': 'bert.embeddings.weight',
      'embeddings.weight': 'embeddings.weight',
    });
  });

  it('knows families whose backbone has no name', () => {
    expect([...storedNames(['shared.weight'], new Map([['shared.weight', null]]), '')]).toEqual([
      ['shared.weight', 'shared.weight'],
    ]);
  });
});
