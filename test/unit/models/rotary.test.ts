import { describe, expect, it } from 'vitest';
import { parseLlamaConfig } from '../../../shared/models/llama-config.ts';
import { rotaryFrequencies } from '../../../shared/models/rotary.ts';

const tiny = {
  vocab_size: 9,
  hidden_size: 8,
  intermediate_size: 8,
  num_hidden_layers: 1,
  num_attention_heads: 2,
};

describe('rotaryFrequencies', () => {
  it('fall from 1 by powers of theta', () => {
    const frequencies = rotaryFrequencies(8, 10_000, null);
    for (const [pair, expected] of [1, 0.1, 0.01, 0.001].entries())
      expect(frequencies[pair]).toBeCloseTo(expected, 7);
  });

  it('are divided by the factor with linear scaling', () => {
    const [first, second] = rotaryFrequencies(8, 10_000, { type: 'linear', factor: 4 });
    expect(first).toBeCloseTo(0.25, 7);
    expect(second).toBeCloseTo(0.025, 7);
  });

  it('keep short waves, slow long ones and blend between them with the scaling of Llama 3', () => {
    const frequencies = rotaryFrequencies(128, 500_000, {
      rope_type: 'llama3',
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 8192,
    });
    // Llama 3.1's own numbers, computed from its formula in float64.
    const expected = [
      [0, 1],
      [1, 0.814617234],
      [28, 0.00321144599],
      [29, 0.00216657076],
      [30, 0.00137189357],
      [32, 0.000524846161],
      [34, 0.000178507813],
      [35, 9.55621235e-5],
      [63, 3.06892599e-7],
    ] as const;
    for (const [pair, frequency] of expected) expect((frequencies[pair] ?? 0) / frequency).toBeCloseTo(1, 5);
  });

  it('refuse other kinds of scaling by name', () => {
    expect(() => parseLlamaConfig({ ...tiny, rope_scaling: { rope_type: 'yarn', factor: 2 } })).toThrow(
      'rope_scaling must be default, linear or llama3, got yarn',
    );
  });

  it('are those of rope_scaling where it says anything, with the length of pretraining beside it', () => {
    const llama3 = { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4 };
    const frequencies = (changes: object): readonly number[] => [
      ...parseLlamaConfig({ ...tiny, hidden_size: 64, ...changes }).frequencies,
    ];
    const plain = frequencies({});
    const slowed = frequencies({ rope_scaling: { type: 'linear', factor: 4 }, rope_parameters: llama3 });
    expect(slowed).toEqual(plain.map((frequency) => frequency / 4));
    expect(frequencies({ rope_scaling: {}, rope_parameters: { rope_type: 'linear', factor: 4 } })).toEqual(
      slowed,
    );
    const of = (length: number) =>
      frequencies({ rope_scaling: { ...llama3, original_max_position_embeddings: length } });
    expect(frequencies({ rope_scaling: llama3 })).toEqual(of(2048));
    expect(frequencies({ rope_scaling: llama3, max_position_embeddings: 99 })).toEqual(of(99));
    expect(frequencies({ rope_scaling: llama3, original_max_position_embeddings: 50 })).toEqual(of(50));
    expect(of(50)).not.toEqual(of(99));
  });

  it.each([
    [{ partial_rotary_factor: 0.5 }, 'config.json: partial_rotary_factor: must be 1: whole heads are turned'],
    [
      { rope_parameters: { rope_type: 'default', partial_rotary_factor: 0.5 } },
      'config.json: rope_parameters.partial_rotary_factor: must be 1',
    ],
  ])('are refused for parts of heads: %j', (changes, message) => {
    expect(() => parseLlamaConfig({ ...tiny, ...changes })).toThrow(message);
  });
});
