import { describe, expect, it } from 'vitest';
import { parseModernBertConfig } from '../../../shared/models/modernbert.ts';

const sizes = {
  vocab_size: 9,
  hidden_size: 8,
  intermediate_size: 8,
  num_hidden_layers: 4,
  num_attention_heads: 2,
};
const [full, sliding] = ['full_attention', 'sliding_attention'];

describe('parseModernBertConfig', () => {
  it('reads the same model from the older and the newer form', () => {
    const older = {
      ...sizes,
      global_attn_every_n_layers: 3,
      global_rope_theta: 80_000,
      local_rope_theta: 500,
    };
    const newer = {
      ...sizes,
      layer_types: [full, sliding, sliding, full],
      rope_parameters: {
        full_attention: { rope_type: 'default', rope_theta: 80_000 },
        sliding_attention: { rope_type: 'default', rope_theta: 500 },
      },
    };
    expect(parseModernBertConfig(newer)).toEqual(parseModernBertConfig(older));
    expect(parseModernBertConfig(older).layers).toEqual([full, sliding, sliding, full]);
  });

  it('takes what is left out as Hugging Face does', () => {
    const config = parseModernBertConfig(sizes);
    const written = {
      ...sizes,
      global_attn_every_n_layers: 3,
      local_attention: 128,
      global_rope_theta: 160_000,
      local_rope_theta: 10_000,
    };
    expect(config).toEqual(parseModernBertConfig(written));
    expect(config).toMatchObject({ inputs: { maxLength: 8192 }, reach: 64, epsilon: 1e-5, normBias: false });
    expect(config.frequencies.full_attention[1]).toBeCloseTo(1 / 400, 7);
    expect(config.frequencies.sliding_attention[1]).toBeCloseTo(1 / 100, 7);
  });

  it('turns by the global angles everywhere where there are no local ones', () => {
    const { frequencies } = parseModernBertConfig({ ...sizes, local_rope_theta: null });
    expect(frequencies.sliding_attention).toEqual(frequencies.full_attention);
  });

  it.each([
    [{ layer_types: [full, sliding] }, 'config.json: layer_types: must name 4 layers, got 2'],
    [
      { layer_types: [full, full, full, 'local'] },
      'config.json: layer_types.3: must be one of full_attention, sliding_attention, got "local"',
    ],
    [{ num_attention_heads: 3 }, 'config.json: hidden_size: must be a multiple of 3 heads, got 8'],
    [{ classifier_pooling: 'max' }, 'config.json: classifier_pooling: must be one of cls, mean, got "max"'],
  ])('refuses %j', (changes, message) => {
    expect(() => parseModernBertConfig({ ...sizes, ...changes })).toThrow(message);
  });
});
