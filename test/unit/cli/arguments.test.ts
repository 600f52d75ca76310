import { InvalidArgumentError } from 'commander';
import { describe, expect, it } from 'vitest';
import * as parse from '../../../shared/cli/arguments.ts';

type Parser = (text: string) => unknown;

const cases: [parser: Parser, accepted: [string, unknown][], refused: string[]][] = [
  [
    parse.positiveInteger,
    [
      ['1', 1],
      ['128', 128],
      ['1e3', 1000],
    ],
    ['0', '-1', '1.5', 'many', '', 'Infinity', '1e20'],
  ],
  [
    parse.nonNegativeInteger,
    [
      ['0', 0],
      ['42', 42],
    ],
    ['-1', '0.5', 'x', '', ' ', 'NaN'],
  ],
  [
    parse.positiveNumber,
    [
      ['1e-5', 1e-5],
      ['2', 2],
    ],
    ['0', '-0.1', 'x', '', 'Infinity', 'NaN'],
  ],
  [
    parse.nonNegativeNumber,
    [
      ['0', 0],
      ['0.01', 0.01],
    ],
    ['-0.1', 'x', '', 'Infinity', 'NaN'],
  ],
  [
    parse.fraction,
    [
      ['0', 0],
      ['0.06', 0.06],
      ['1', 1],
    ],
    ['-0.1', '1.01', 'x', '', 'NaN'],
  ],
  [
    parse.nameList,
    [
      ['a', ['a']],
      ['no, yes ,b c', ['no', 'yes', 'b c']],
    ],
    ['', 'a,', ',a', 'a,,b'],
  ],
  [
    parse.taskKind,
    [
      ['regression', 'regression'],
      ['token-classification', 'token-classification'],
    ],
    ['masked-lm', 'Regression', ''],
  ],
];

for (const [parser, accepted, refused] of cases) {
  describe(parser.name, () => {
    it.each(accepted)('reads "%s" as %j', (text, value) => expect(parser(text)).toEqual(value));
    it.each(refused)('refuses "%s" as bad usage', (text) => {
      expect(() => parser(text)).toThrow(InvalidArgumentError);
    });
  });
}

describe('taskKind', () => {
  it('names the tasks there are', () => {
    expect(() => parse.taskKind('sentiment')).toThrow(
      'must be one of text-classification, multi-label-classification, regression, token-classification',
    );
  });
});

describe('patternList', () => {
  it('gathers the patterns of a repeated option', () => {
    expect(parse.patternList('^b', parse.patternList('a$'))).toEqual([/a$/, /^b/]);
  });

  it('refuses what is no regular expression', () => {
    expect(() => parse.patternList('(')).toThrow('must be a regular expression');
  });
});
