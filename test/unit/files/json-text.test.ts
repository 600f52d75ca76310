import { describe, expect, it } from 'vitest';
import {
  changeJson,
  JsonText,
  jsonMembers,
  parseJson,
  parseJsonKeeping,
} from '../../../shared/files/json-text.ts';

describe('jsonMembers', () => {
  it('keeps the text of every value', () => {
    const text = `{"one": 1.0, "big" :12345678901234567890,"small":1e-06 ,
      "list": [1.0, {"}": "]\\""}, []], "word": "a, \\"b\\" }", "\\u0061": null, "empty": {}, "last": -0.0 }`;
    expect([...(jsonMembers(text) ?? [])]).toEqual([
      ['one', '1.0'],
      ['big', '12345678901234567890'],
      ['small', '1e-06'],
      ['list', '[1.0, {"}": "]\\""}, []]'],
      ['word', '"a, \\"b\\" }"'],
      ['a', 'null'],
      ['empty', '{}'],
      ['last', '-0.0'],
    ]);
  });

  it('takes the last of two members of one name, as readers of JSON do', () => {
    expect([...(jsonMembers('{"a": 1, "b": 2, "a": 3.0}') ?? [])]).toEqual([
      ['a', '3.0'],
      ['b', '2'],
    ]);
  });

  it('has none of what is no object, and refuses what is no JSON', () => {
    expect(jsonMembers(' {} ')).toEqual(new Map());
    expect([jsonMembers('[1]'), jsonMembers('null'), jsonMembers('1.0')]).toEqual([null, null, null]);
    expect(() => jsonMembers('{"a": NaN}')).toThrow(SyntaxError);
    expect(() => jsonMembers('{"a": 1} {')).toThrow(SyntaxError);
  });
});

describe('parseJson', () => {
  const nested = (levels: number): string => `${'[{"a":'.repeat(levels / 2)}1${'}]'.repeat(levels / 2)}`;

  it('takes 500 levels and refuses more, which would overflow the stack of those who walk them', () => {
    expect(JSON.stringify(parseJson(nested(500)))).toBe(nested(500));
    expect(() => parseJson(nested(502))).toThrow('must be JSON of at most 500 levels');
    expect(() => parseJsonKeeping(`{"kept": ${nested(502)}}`, { kept: 'text' })).toThrow('500 levels');
  });

  it('counts no brackets of strings, nor those side by side', () => {
    const value = { text: '[{'.repeat(600), list: Array.from({ length: 600 }, () => [{}]) };
    expect(parseJson(JSON.stringify(value))).toEqual(value);
  });
});

describe('changeJson', () => {
  it('sets and leaves out members and keeps the text of the others', () => {
    const text = '{"scale":1.0,"nested": {"theta": 10000.0, "k": [1.0]},"old":1}\n';
    expect(changeJson(text, { old: undefined, never: undefined, labels: { 0: 'a' }, scale: 2 })).toBe(
      '{\n  "scale": 2,\n  "nested": {"theta": 10000.0, "k": [1.0]},\n  "labels": {\n    "0": "a"\n  }\n}\n',
    );
  });

  it('refuses text that is no object', () => {
    expect(() => changeJson('[]', {})).toThrow('must be a JSON object');
  });
});

describe('parseJsonKeeping', () => {
  const kept = { model: { vocab: 'text', merges: 'text' } } as const;

  it('parses all but the named members, which stay text', () => {
    const text =
      ' {"a": [1.0, "}"], "model": {"type": "BPE", "vocab": {"\\"]}": 0}, "vocab2": {}}, "b": null} ';
    expect(parseJsonKeeping(text, kept)).toEqual({
      a: [1, '}'],
      model: { type: 'BPE', vocab: new JsonText('{"\\"]}": 0}'), vocab2: {} },
      b: null,
    });
  });

  it('parses values that are no object where one was named', () => {
    expect(parseJsonKeeping('{"model": {"merges": null}, "vocab": [1]}', kept)).toEqual({
      model: { merges: null },
      vocab: [1],
    });
    expect(parseJsonKeeping('{"model": [2]}', kept)).toEqual({ model: [2] });
    expect(parseJsonKeeping('[3]', kept)).toEqual([3]);
    expect(parseJsonKeeping('{"model": {}}', kept)).toEqual({ model: {} });
  });

  it.each([
    '',
    '{',
    '{"a"}',
    '{"a": }',
    '{"a": 1,}',
    '{"a": 1 "b": 2}',
    '{a: 1}',
    '{"a": 1}}',
    '{"a": NaN}',
    '{"a": "',
    '{"model": {"vocab": [1}',
    '{"model": {"vocab": ["\\"]}}',
  ])('refuses %j', (text) => {
    expect(() => parseJsonKeeping(text, kept)).toThrow(SyntaxError);
  });
});

describe('JsonText', () => {
  it('gives the items of a list one by one', () => {
    const text = '[ ["a,]", -1.5] , 2,{"b": []},"c" ]';
    expect([...new JsonText(text).items()]).toEqual(JSON.parse(text));
    expect([...new JsonText('[]').items(), ...new JsonText('{"a": 1}').items()]).toEqual([]);
    expect(new JsonText(text).items().next().value).toEqual(['a,]', -1.5]);
  });

  it('refuses what is no JSON when it comes to it', () => {
    expect(() => new JsonText('{"a" 1}').parse()).toThrow(SyntaxError);
    for (const text of ['[1 2]', '[1,', '[1,]', '[nothing]']) {
      expect(() => [...new JsonText(text).items()]).toThrow(SyntaxError);
    }
  });
});
