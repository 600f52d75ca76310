import { describe, expect, it } from 'vitest';
import { endsWithPattern, pythonPattern } from '../../../shared/adapters/python-pattern.ts';

describe('pythonPattern', () => {
  it('reads escapes of any punctuation, named groups and the ends of a text', () => {
    expect(pythonPattern('^layer\\-1\\.a\\_b$')?.test('layer-1.a_b')).toBe(true);
    expect(pythonPattern('^layer\\.1$')?.test('layer-1')).toBe(false);
    expect(pythonPattern('(?P<side>query|key)\\.(?P=side)')?.test('x.key.key')).toBe(true);
    expect(pythonPattern('\\Aq\\Z')?.test('q')).toBe(true);
    expect(pythonPattern('\\Aq\\Z')?.test('aq')).toBe(false);
  });

  it('is null for what JavaScript cannot say', () => {
    expect(pythonPattern('(?i)query')).toBeNull();
    expect(pythonPattern('query(')).toBeNull();
  });
});

describe('endsWithPattern', () => {
  it('takes a whole name, or its end behind a dot, as PEFT does', () => {
    expect(endsWithPattern('encoder.0.query', 'query')).toBe(true);
    expect(endsWithPattern('encoder.0.myquery', 'query')).toBe(false);
    expect(endsWithPattern('encoder.0.query', '^encoder\\.\\d\\.query')).toBe(true);
    expect(endsWithPattern('model.encoder.0.query', '^encoder\\.\\d\\.query')).toBe(false);
    expect(endsWithPattern('encoder.0.query.x', 'query')).toBe(false);
    expect(endsWithPattern('encoder.0.key', 'query|key')).toBe(true);
  });
});
