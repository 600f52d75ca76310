import { describe, expect, it } from 'vitest';
import { acceptScores } from '../../../merger/auto/accept-scores.ts';
import { chooseCandidate } from '../../../merger/auto/choose-candidate.ts';
import type { ChoiceReport, ChoiceRule } from '../../../merger/merge/merge-report.ts';

const digest = 'a'.repeat(64);
const listed = ['first', 'second', 'third'].map((name) => ({
  ...{ name, title: name.toUpperCase(), method: 'simple', options: {}, scale: 1 },
}));
const set = { digest, metric: 'accuracy', candidates: listed, leftOut: [] };

/** What an agent says: values in the order of the candidates, absent ones left out. */
const said = (...values: readonly (number | undefined)[]) => ({
  set: digest,
  scores: values.flatMap((value, index) =>
    value === undefined
      ? []
      : [{ candidate: listed[index]?.name ?? 'none', metric: 'accuracy', value, examples: 10 }],
  ),
});

function choose(
  rule: ChoiceRule,
  agents: Readonly<Record<string, readonly (number | undefined)[]>>,
): ChoiceReport {
  const scores = Object.entries(agents).map(([agent, values]) => acceptScores(set, agent, said(...values)));
  return chooseCandidate(set, scores, { rule });
}

describe('a candidate is chosen', () => {
  const agents = { north: [0.9, 0.7, 0.62], south: [0.3, 0.5, 0.505] };

  it('by the highest mean over agents', () => {
    expect(choose('mean', { north: [0.9, 0.7, 0.62], south: [0.32, 0.5, 0.51] })).toMatchObject({
      ...{ chosen: 'first', by: 'scores', rule: 'mean' },
      candidates: [{ mean: 0.61, worst: 0.32 }, { mean: 0.6 }, { worst: 0.51 }],
    });
  });

  it('by the highest of the lowest scores', () => {
    expect(choose('worst', agents).chosen).toBe('third');
  });

  it('by the highest mean among those whose lowest score is within a point of the highest', () => {
    expect(choose('both', agents).chosen).toBe('second');
    expect(choose('both', { ...agents, south: [0.3, 0.49, 0.505] }).chosen).toBe('third');
  });

  it('as the first of equals', () => {
    for (const rule of ['mean', 'worst', 'both'] as const) {
      expect(choose(rule, { north: [0.1, 0.5, 0.5], south: [0.1, 0.5, 0.5] }).chosen).toBe('second');
    }
  });

  it('by the order without scores', () => {
    expect(choose('worst', {})).toMatchObject({
      ...{ chosen: 'first', by: 'order', rule: null, incomplete: {} },
      candidates: [{ mean: null, worst: null, scores: {} }, {}, {}],
    });
  });

  it('as a candidate with a score where others have none that is a number', () => {
    const nan = { metric: 'pearson', value: Number.NaN, examples: 3 };
    const results = new Map([
      ['first', nan],
      ['second', { ...nan, value: -0.1 }],
    ]);
    const two = { candidates: listed.slice(0, 2), leftOut: [] };
    const choice = chooseCandidate(two, [{ agent: 'validation', results }], {
      rule: 'both',
      by: 'validation',
    });
    expect(choice).toMatchObject({ chosen: 'second', by: 'validation' });
  });
});

describe('scores that are not complete', () => {
  it('of an agent do not count, and the report says what lacks', () => {
    const choice = choose('mean', { north: [0.9, 0.1, 0.1], south: [undefined, 0.5, undefined] });
    expect(choice).toMatchObject({
      chosen: 'first',
      incomplete: { south: ['first', 'third'] },
      candidates: [{ scores: { north: { value: 0.9, examples: 10 } } }, {}, {}],
    });
    expect(choice.candidates[1]?.scores).not.toHaveProperty('south');
  });

  it('leave the order to decide where no agent is complete', () => {
    expect(choose('mean', { north: [undefined, 0.9], south: [0.1, undefined, 0.9] })).toMatchObject({
      ...{ chosen: 'first', by: 'order' },
      incomplete: { north: ['first', 'third'], south: ['second'] },
    });
  });

  it('leave a candidate out that nobody scored', () => {
    expect(choose('mean', { north: [0.1, undefined, 0.2], south: [0.1, undefined, 0.2] })).toMatchObject({
      ...{ chosen: 'third', incomplete: {} },
      candidates: [{ name: 'first' }, { name: 'third' }],
      leftOut: [{ name: 'second', reason: 'nobody scored it' }],
    });
  });
});

describe('what agents say is refused', () => {
  const refused = (message: unknown): string => {
    try {
      acceptScores(set, 'north', message);
    } catch (error) {
      return (error as Error).message;
    }
    return 'accepted';
  };
  const [score] = said(0.5).scores;

  it.each([
    ['nothing', null, 'north: scores: must be an object, got null'],
    ['no scores', { set: digest, scores: [] }, 'north: scores: must hold at least 1, got 0'],
    [
      'another set',
      { ...said(0.5), set: 'b'.repeat(64) },
      'north: scores must be of these candidates, got those of others (bbbbbbbbbbbbbbbb, here aaaaaaaaaaaaaaaa)',
    ],
    [
      'a number that is not finite',
      said(0.5, Number.NaN),
      'north: score of second, value: must be a finite number',
    ],
    ['no number', said(Number.POSITIVE_INFINITY), 'north: score of first, value: must be a finite number'],
    [
      'another metric',
      { set: digest, scores: [{ ...score, metric: 'macroF1' }] },
      'north: score of first must be of accuracy, got macroF1',
    ],
    [
      'a candidate that is none',
      { set: digest, scores: [{ ...score, candidate: 'fourth' }] },
      'north: scores must be of candidates of the merge, fourth is none',
    ],
    [
      'a name that is a path',
      { set: digest, scores: [{ ...score, candidate: '../first' }] },
      'north: scores.0.candidate: must be letters, digits, dots, dashes and underscores, at most 64',
    ],
    [
      'a candidate twice',
      { set: digest, scores: [score, score] },
      'north: scores must be one of each candidate, first has several',
    ],
    [
      'no examples',
      { set: digest, scores: [{ ...score, examples: 0 }] },
      'north: score of first, examples: must be at least 1, got 0',
    ],
    [
      'more than it should say',
      { set: digest, scores: [{ ...score, text: 'x' }] },
      'north: score of first: must not have the key text',
    ],
    [
      'more than candidates could be',
      { set: digest, scores: new Array(101).fill(score) },
      'north: scores: must hold at most 100, got 101',
    ],
  ])('%s', (_, message, complaint) => {
    expect(refused(message)).toBe(complaint);
  });

  it('and by one metric where none is expected', () => {
    const mixed = { set: digest, scores: [score, { ...score, candidate: 'second', metric: 'spanF1' }] };
    expect(() => acceptScores({ ...set, metric: null }, 'south', mixed)).toThrow(
      'south: score of second must be of accuracy, got spanF1',
    );
  });
});
