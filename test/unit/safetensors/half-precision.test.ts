import { describe, expect, it } from 'vitest';
import {
  narrowToBfloat16,
  narrowToFloat16,
  widenBfloat16,
  widenFloat16,
} from '../../../shared/safetensors/half-precision.ts';

const float16Of = (value: number): number => {
  const bits = new Uint16Array(1);
  narrowToFloat16(Float32Array.of(value), bits);
  return bits[0] as number;
};
const bfloat16Of = (value: number): number => {
  const bits = new Uint16Array(1);
  narrowToBfloat16(Float32Array.of(value), bits);
  return bits[0] as number;
};
const allPatterns = Uint16Array.from({ length: 0x1_0000 }, (_, i) => i);

describe('float16', () => {
  it('keeps every pattern through float32 and back, NaN as a NaN', () => {
    const values = new Float32Array(0x1_0000);
    widenFloat16(allPatterns, values);
    const back = new Uint16Array(0x1_0000);
    narrowToFloat16(values, back);
    for (const pattern of allPatterns) {
      const isNaN16 = (pattern & 0x7fff) > 0x7c00;
      expect(Number.isNaN(values[pattern])).toBe(isNaN16);
      if (!isNaN16) expect(back[pattern]).toBe(pattern);
    }
  });

  it('widens known patterns', () => {
    const values = new Float32Array(6);
    widenFloat16(Uint16Array.of(0x3c00, 0xc000, 0x7bff, 0x0001, 0x0400, 0x7c00), values);
    expect([...values]).toEqual([1, -2, 65504, 2 ** -24, 2 ** -14, Number.POSITIVE_INFINITY]);
  });

  it('rounds to the nearest, ties to even', () => {
    expect(float16Of(1 + 2 ** -11)).toBe(0x3c00);
    expect(float16Of(1 + 2 ** -11 + 2 ** -20)).toBe(0x3c01);
    expect(float16Of(1 + 3 * 2 ** -11)).toBe(0x3c02);
    expect(float16Of(65519)).toBe(0x7bff);
    expect(float16Of(65520)).toBe(0x7c00);
    expect(float16Of(-1e30)).toBe(0xfc00);
  });

  it('rounds subnormals the same way', () => {
    expect(float16Of(2 ** -25)).toBe(0);
    expect(float16Of(2 ** -25 * 1.001)).toBe(1);
    expect(float16Of(3 * 2 ** -25)).toBe(2);
    expect(float16Of(-(2 ** -24))).toBe(0x8001);
    expect(float16Of(2 ** -14 - 2 ** -26)).toBe(0x0400);
    expect(float16Of(1e-30)).toBe(0);
    expect(float16Of(-0)).toBe(0x8000);
  });
});

describe('bfloat16', () => {
  it('keeps every pattern through float32 and back, NaN as a NaN', () => {
    const values = new Float32Array(0x1_0000);
    widenBfloat16(allPatterns, values);
    const back = new Uint16Array(0x1_0000);
    narrowToBfloat16(values, back);
    for (const pattern of allPatterns) {
      if (!Number.isNaN(values[pattern])) expect(back[pattern]).toBe(pattern);
      else expect((back[pattern] as number) & 0x7fff).toBeGreaterThan(0x7f80);
    }
  });

  it('rounds to the nearest, ties to even', () => {
    expect(bfloat16Of(1 + 2 ** -8)).toBe(0x3f80);
    expect(bfloat16Of(1 + 2 ** -8 + 2 ** -16)).toBe(0x3f81);
    expect(bfloat16Of(1 + 3 * 2 ** -8)).toBe(0x3f82);
    expect(bfloat16Of(3.4e38)).toBe(0x7f80);
  });
});
