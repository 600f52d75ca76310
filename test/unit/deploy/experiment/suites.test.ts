import { describe, expect, it } from 'vitest';
import { ranksOf, signFlipProbability, suitesSection } from '../../../../deploy/experiment/report/suites.ts';
import type { ExperimentResults, Measurement } from '../../../../deploy/experiment/results.ts';

/** An experiment with one test set; each method's scores by seed. */
function suite(
  name: string,
  scores: Readonly<Record<string, readonly number[]>>,
  automatic?: string,
): ExperimentResults {
  const seeds = Object.values(scores)[0]?.map((_, index) => index + 1) ?? [];
  const measurements = Object.entries(scores).flatMap(([method, values]) =>
    values.map(
      (score, index): Measurement => ({
        seed: index + 1,
        setting: 'all',
        method,
        agents: ['north', 'south'],
        ...(method === automatic ? { chosen: 'RegMean' } : {}),
        scores: { joint: score },
        validation: {},
      }),
    ),
  );
  return {
    format: 'regmean-experiment/1',
    name,
    title: `About ${name}`,
    description: '',
    tool: 'regmean/0',
    plannedSeeds: seeds,
    seeds,
    agents: ['north', 'south'],
    trainingExamples: {},
    testSets: [
      {
        name: 'joint',
        task: 'text-classification',
        metric: 'accuracy',
        owner: null,
        group: 'in-domain',
        examples: 9,
      },
    ],
    methods: Object.keys(scores),
    settings: {},
    measurements,
    matchedLayers: [],
  };
}

describe('ranks', () => {
  it('begin with the largest, and are shared between equals', () => {
    expect(ranksOf([0.2, 0.9, 0.5, 0.9])).toEqual([4, 1.5, 3, 1.5]);
  });
});

describe('the paired test', () => {
  it('is the share of all flips of signs that come out at least as far from zero', () => {
    expect(signFlipProbability([1, 2, 3])).toBe(2 / 8);
    expect(signFlipProbability([1, -1, 3])).toBe(6 / 8);
    expect(signFlipProbability([0, 0])).toBe(1);
  });
});

describe('the comparison over experiments', () => {
  const section = suitesSection(
    [
      suite('first', { Simple: [0.1, 0.3], RegMean: [0.5, 0.7], Only: [1, 1], auto: [0.5, 0.7] }, 'auto'),
      suite('second', { Simple: [0.6, 0.6], RegMean: [0.4, 0.4], auto: [0.3, 0.3] }, 'auto'),
    ],
    'RegMean',
  );
  const [ranks, paired] = section.tables;

  it('ranks the methods that every experiment has by their mean scores', () => {
    expect(ranks?.rows.map(({ name, cells }) => [name, cells.at(-1)?.text])).toEqual([
      ['RegMean', '1.8'],
      ['Simple', '2.0'],
      ['auto', '2.3'],
    ]);
    expect(ranks?.rows[0]?.cells[0]).toEqual({ text: '60.0 ± 14.1', bold: true });
    expect(ranks?.rows[1]?.cells.map(({ bold }) => bold)).toEqual([false, true, undefined]);
  });

  it('tests every method against the reference over all seeds', () => {
    expect(paired?.rows.map(({ name }) => name)).toEqual(['Simple', 'auto']);
    const simple = paired?.rows[0]?.cells.map(({ text }) => text);
    expect(simple?.slice(0, 3)).toEqual(['-10.0 ± 34.6', '2 of 4', '0.750']);
    expect(paired?.rows[1]?.cells.map(({ text }) => text).slice(0, 3)).toEqual([
      '-5.0 ± 5.8',
      '0 of 4',
      '0.500',
    ]);
  });

  it('says how the automatic choice stands beside the best fixed method of each experiment', () => {
    expect(section.sentences).toEqual([
      'About first: auto (60.0 ± 14.1) is level with the best fixed method of all, RegMean (60.0 ± 14.1).',
      'About second: auto (30.0 ± 0.0) is 30.0 points below the best fixed method of all, Simple (60.0 ± 0.0).',
    ]);
  });

  it('has one picture, in which the first ranks stand out', () => {
    expect(section.charts[0]?.svg).toContain('Rank of merge methods by experiment');
    expect(section.charts).toHaveLength(1);
  });
});
