import { describe, expect, it } from 'vitest';
import { meanLogits, unitedClasses, unknownClassLogit } from '../../../shared/inference/class-logits.ts';

const rows = (...values: number[][]): Float32Array[] => values.map((own) => Float32Array.from(own));
const model = (classes: string[], logits: Float32Array[], learned?: string[]) => ({
  ...{ classes, outputs: classes.length, learned, logits },
});

describe('the mean of logits', () => {
  it('is over the models that have the class, in the order of the classes asked for', () => {
    const models = [model(['a', 'b'], rows([1, 2])), model(['c', 'b'], rows([5, 4]))];
    expect(meanLogits(models, ['b', 'a', 'c'], 'text-classification')).toEqual(rows([3, 1, 5]));
  });

  it('leaves multi-label models out of classes that they did not learn', () => {
    const models = [model(['a', 'b'], rows([1, 9]), ['a']), model(['a', 'b'], rows([3, 4]))];
    expect(meanLogits(models, ['a', 'b'], 'multi-label-classification')).toEqual(rows([2, 4]));
    expect(meanLogits(models, ['a', 'b'], 'text-classification')).toEqual(rows([2, 6.5]));
  });

  it('asks all multi-label models that have a class when none learned it', () => {
    const models = [model(['a', 'b'], rows([1, 9]), ['a']), model(['a', 'b'], rows([3, 4]), [])];
    expect(meanLogits(models, ['a', 'b'], 'multi-label-classification')).toEqual(rows([1, 6.5]));
  });

  it('never lets a class win that no model knows', () => {
    const [logits] = meanLogits([model(['a'], rows([-7]))], ['b', 'a'], 'text-classification');
    expect(logits).toEqual(Float32Array.of(unknownClassLogit, -7));
  });

  it('goes token by token', () => {
    const models = [model(['a', 'b'], rows([1, 2, 3, 4]))];
    expect(meanLogits(models, ['b', 'a'], 'token-classification')).toEqual(rows([2, 1, 4, 3]));
  });

  it('takes the one value of regression models together', () => {
    const models = [
      { classes: [], outputs: 1, logits: rows([1]) },
      { classes: [], outputs: 1, logits: rows([4]) },
    ];
    expect(meanLogits(models, [], 'regression')).toEqual(rows([2.5]));
  });

  it('refuses models that cut a row into different tokens', () => {
    const models = [model(['a'], rows([1, 2])), model(['a'], rows([1]))];
    expect(() => meanLogits(models, ['a'], 'token-classification')).toThrow('row 1 differs');
  });
});

it('classes of the data come first, then those that only models know', () => {
  const models = [model(['c', 'a'], [])];
  expect(unitedClasses(['a', 'b'], models)).toEqual(['a', 'b', 'c']);
});
