import { describe, expect, it } from 'vitest';
import { activation } from '../../../shared/models/attention.ts';
import { checkOp } from '../../support/check-op.ts';

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const geluByTanh = (x: number): number =>
  (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));

describe('activation', () => {
  it.each<[string, (x: number) => number]>([
    ['gelu_new', geluByTanh],
    ['gelu_fast', geluByTanh],
    ['gelu_pytorch_tanh', geluByTanh],
    ['quick_gelu', (x) => x * sigmoid(1.702 * x)],
    ['mish', (x) => x * Math.tanh(Math.log1p(Math.exp(x)))],
    ['silu', (x) => x * sigmoid(x)],
    ['swish', (x) => x * sigmoid(x)],
    ['tanh', Math.tanh],
  ])('%s', async (name, reference) => {
    await checkOp({
      shapes: [[3, 4]],
      dtype: 'float32',
      build: activation(name),
      domain: (x) => 3 * x,
      reference: (x) => x.map(reference),
    });
  });

  it('gelu_python is the exact GELU', () => {
    expect(activation('gelu_python')).toBe(activation('gelu'));
  });

  it('names those there are', () => {
    expect(() => activation('gelu_10')).toThrow(
      'config.json: activation must be one of gelu, gelu_python, gelu_new, gelu_fast, gelu_pytorch_tanh, quick_gelu, relu, silu, swish, mish, tanh, got gelu_10',
    );
  });
});
