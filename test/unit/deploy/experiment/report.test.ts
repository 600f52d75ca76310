import { describe, expect, it } from 'vitest';
import { allTable } from '../../../../deploy/experiment/report/all-table.ts';
import { findings } from '../../../../deploy/experiment/report/findings.ts';
import { htmlReport } from '../../../../deploy/experiment/report/html.ts';
import { markdownReport } from '../../../../deploy/experiment/report/markdown.ts';
import { sectionsOf } from '../../../../deploy/experiment/report/sections.ts';
import { formatPercent, spreadOf } from '../../../../deploy/experiment/report/statistics.ts';
import type { Measurement } from '../../../../deploy/experiment/results.ts';
import { exampleResults, measurement } from '../../../support/experiment-results.ts';

const titles = (extra: readonly Measurement[]): string[] => {
  const results = exampleResults();
  return sectionsOf({ ...results, measurements: [...results.measurements, ...extra] }).map(
    ({ title }) => title,
  );
};

describe('the table of all agents', () => {
  it('has baselines and merges, mean and deviation over seeds, and the best merge in bold', () => {
    const table = allTable(exampleResults());
    expect(table?.columns).toEqual([
      'model',
      'in-domain',
      'out-of-domain',
      'above Simple',
      'north',
      'south',
      'away',
    ]);
    const cells = table?.rows.map(({ name, cells: own }) => [
      name,
      ...own.slice(0, 3).map(({ text, bold }) => (bold === true ? `*${text}*` : text)),
    ]);
    expect(cells).toEqual([
      ['average of single models', '55.0 ± 7.1', '45.0 ± 7.1', '+0.0 ± 0.0'],
      ['best single model', '55.0 ± 7.1', '55.0 ± 7.1', '+0.0 ± 0.0'],
      ['each on its own domain', '70.0 ± 7.1', '', '+15.0 ± 0.0'],
      ['ensemble', '63.0 ± 7.1', '50.0 ± 7.1', '+8.0 ± 0.0'],
      ['Simple', '55.0 ± 7.1', '45.0 ± 7.1', ''],
      ['RegMean 0.9', '*61.0 ± 7.1*', '*47.0 ± 7.1*', '+6.0 ± 0.0'],
    ]);
  });

  it('chooses the best single model on validation data', () => {
    expect(findings(exampleResults()).join(' ')).toContain('the best single model (south)');
  });

  it('has no spread for one seed, and no row for what was not measured', () => {
    const { measurements, ...rest } = exampleResults();
    const merges = measurements.filter(({ seed, setting }) => seed === 1 && setting === 'all');
    const table = allTable({ ...rest, seeds: [1], measurements: merges });
    expect(table?.rows.map(({ name, cells }) => `${name}: ${cells[0]?.text}`)).toEqual([
      'ensemble: 58.0',
      'Simple: 50.0',
      'RegMean 0.9: 56.0',
    ]);
  });

  it('has no column of gains without Simple', () => {
    const { measurements, ...rest } = exampleResults();
    const table = allTable({
      ...{ ...rest, methods: ['RegMean 0.9'] },
      measurements: measurements.filter(({ method }) => method !== 'Simple'),
    });
    expect(table?.columns).not.toContain('above Simple');
  });

  it('is one column where all agents are scored on one joint test set', () => {
    const { testSets, measurements, ...rest } = exampleResults();
    const joint = { ...testSets[2], name: 'away', group: 'in-domain' } as const;
    const table = allTable({ ...rest, measurements, testSets: [joint as (typeof testSets)[number]] });
    expect(table?.columns).toEqual(['model', 'away', 'above Simple']);
    expect(table?.rows.map(({ name }) => name)).not.toContain('each on its own domain');
  });
});

describe('findings', () => {
  it('say how far merges are above or below Simple and the baselines', () => {
    expect(findings(exampleResults())).toEqual([
      'RegMean 0.9 is 6.0 ± 0.0 points above Simple, above it in 2 of 2 seeds; out of domain 2.0 points above.',
      'The best merge in-domain, RegMean 0.9 with 61.0 ± 7.1, is 6.0 points above the average of single models, ' +
        '6.0 points above the best single model (south), 9.0 points below the models, each on its own domain and ' +
        '2.0 points below the ensemble.',
    ]);
  });

  it('say so when RegMean loses', () => {
    const { measurements, ...rest } = exampleResults();
    const worse = measurements.map((own) =>
      own.method === 'RegMean 0.9' ? { ...own, scores: { north: 0.1, south: 0.1, away: 0.1 } } : own,
    );
    const said = findings({ ...rest, measurements: worse });
    expect(said[0]).toMatch(/^RegMean 0.9 is 45\.0 ± 7\.1 points below Simple, above it in 0 of 2 seeds/);
    expect(said[1]).toMatch(/^The best merge in-domain, Simple with 55\.0/);
  });
});

describe('sections', () => {
  const scores = { north: 0.5, south: 0.6, away: 0.4 };
  it.each([
    [
      'Pairs',
      [
        measurement({ setting: 'pairs', scores }),
        measurement({ setting: 'pairs', method: 'RegMean 0.9', scores }),
      ],
    ],
    [
      'Greedy merging',
      [measurement({ setting: 'greedy', knob: 1, tried: { agent: 'north', kept: true }, scores })],
    ],
    ['Number of agents', [measurement({ setting: 'agents', scores })]],
    ['Alpha', [measurement({ setting: 'alpha', knob: 0.5, scores })]],
    ['Additive constant', [measurement({ setting: 'ridge', knob: 0.5, scores })]],
    ['Batches for the Grams', [measurement({ setting: 'batches', knob: 10, scores })]],
    ['Matching neurons', [measurement({ setting: 'matching', matching: 'none', scores })]],
  ] as const)('%s is there when it was measured, and only then', (title, extra) => {
    expect(titles([])).toEqual(['All agents', 'Single models']);
    expect(titles(extra)).toContain(title);
  });

  it('count pairs above Simple, and how much of its own models a pair keeps', () => {
    const { measurements, ...rest } = exampleResults();
    const pair = (method: string, north: number, south: number) =>
      measurement({ setting: 'pairs', method, scores: { north, south, away: 0.5 } });
    const section = sectionsOf({
      ...rest,
      measurements: [...measurements, pair('Simple', 0.5, 0.5), pair('RegMean 0.9', 0.54, 0.63)],
    }).find(({ title }) => title === 'Pairs');
    expect(
      section?.tables[0]?.rows.map(({ name, cells }) => [name, ...cells.map(({ text }) => text)]),
    ).toEqual([
      // (0.5 - 0.6) / 0.6 and (0.5 - 0.7) / 0.7, then (0.54 - 0.6) / 0.6 and (0.63 - 0.7) / 0.7
      ['Simple', '50.0', '50.0', '-22.6', '', ''],
      ['RegMean 0.9', '58.5', '50.0', '-10.0', '+8.5', '1 of 1'],
    ]);
  });

  it('of an experiment that measured nothing say so', () => {
    expect(markdownReport(exampleResults({ measurements: [] }))).toContain('Nothing was measured.');
  });
});

describe('a report', () => {
  it('lets no text of the experiment become markup', () => {
    const results = exampleResults({ title: '<script>alert(1)</script>', description: 'a & b | "c"' });
    expect(htmlReport(results)).not.toContain('<script>');
    expect(htmlReport(results)).toContain('a &amp; b | &quot;c&quot;');
  });

  it('is one page without scripts and outside resources, every element closed', () => {
    const html = htmlReport(exampleResults());
    expect(html).not.toMatch(/<(script|link|img|iframe)\b|url\((?!#)|src=/);
    const open: string[] = [];
    for (const [, closing, name, rest] of html.matchAll(/<(\/?)([a-zA-Z][\w-]*)([^>]*)>/g)) {
      if (name === 'meta' || rest?.endsWith('/')) continue;
      if (closing === '') open.push(name as string);
      else expect(open.pop()).toBe(name);
    }
    expect(open).toEqual([]);
  });

  it('is the same text for the same results', () => {
    expect(htmlReport(exampleResults())).toBe(htmlReport(exampleResults()));
  });

  it('says first that it is interim while seeds are missing, and nothing of it afterwards', () => {
    const interim = exampleResults({ plannedSeeds: [1, 2, 3] });
    const note = 'Interim report: 2 of 3 seeds are measured, seed 3 not yet.';
    expect(markdownReport(interim).split('\n').slice(0, 3).join('\n')).toContain(note);
    expect(htmlReport(interim)).toContain(note);
    expect(markdownReport(exampleResults())).not.toContain('Interim');
    expect(htmlReport(exampleResults())).not.toContain('Interim');
  });

  it('says how it was measured', () => {
    expect(markdownReport(exampleResults())).toContain('- Training examples: north 100, south 200.');
  });
});

it('numbers are percent with one digit, and never minus zero', () => {
  expect([0.1234, -0.0001, -0.05].map(formatPercent)).toEqual(['12.3', '0.0', '-5.0']);
});

it('the spread is the sample standard deviation of what is known', () => {
  expect(spreadOf([1, 2, 3, Number.NaN])).toEqual({ mean: 2, deviation: 1, count: 3 });
});
