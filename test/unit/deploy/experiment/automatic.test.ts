/** @file Rows of experiments that choose their method. */
import { describe, expect, it } from 'vitest';
import {
  type AutomaticMethod,
  candidateRows,
  choose,
  choosingParts,
  fixedFirst,
} from '../../../../deploy/experiment/automatic.ts';
import { statisticsOf } from '../../../../deploy/experiment/collect.ts';
import type { ExperimentMethod } from '../../../../deploy/experiment/experiment-file.ts';
import { parseExperiment } from '../../../../deploy/experiment/experiment-file.ts';
import { RegmeanError } from '../../../../shared/errors.ts';

const parse = (methods: string) =>
  parseExperiment(
    `name: x
title: X
data:
  task: text-classification
  domains:
    - { name: north, train: [n.jsonl], dev: [nd.jsonl], test: [nt.jsonl] }
    - { name: south, train: [s.jsonl], test: [st.jsonl] }
methods:
${methods}
`,
    'x.yaml',
  );
const methods: readonly ExperimentMethod[] = parse(`  - { label: Automatic, method: auto }
  - { label: Ours, method: regmean, alpha: 0.9 }
  - { label: Ours drawn out, method: regmean, scale: 1.5, coefficients: { north: 2, south: 1 } }
  - { label: Mean, method: simple }`).methods;
const automatic = methods[0] as AutomaticMethod;

describe('candidates of a row', () => {
  it('are the rows of the file that are the same merge, and merges of their own', () => {
    const rows = candidateRows(automatic, { methods });
    expect(rows.map(({ title }) => title)).toEqual([
      ...['RegMean, covariance weights', 'RegMean, covariance weights, vectors squared-change'],
      'RegMean, covariance weights, vectors squared-change, scale 1.25',
      ...['Ours', 'RegMean, scale 1.5', 'TIES', 'Mean'],
    ]);
    expect(rows[3]?.method).toBe(methods[1]);
    expect(rows[4]?.method).toEqual({ label: 'RegMean, scale 1.5', method: 'regmean', scale: 1.5 });
  });

  it('have the options that the row gives to all', () => {
    const coefficients = { north: 2, south: 1 };
    const [, , , , scaled] = candidateRows({ ...automatic, coefficients }, { methods });
    expect(scaled?.method).toBe(methods[2]);
  });

  it('say which statistics are needed', () => {
    const fisher = {
      ...automatic,
      candidates: [{ method: 'fisher' as const }, { method: 'regmean' as const }],
    };
    expect(statisticsOf(candidateRows(fisher, { methods }).map(({ method }) => method))).toEqual([
      'grams',
      'fisher',
    ]);
    expect(statisticsOf(candidateRows(automatic, { methods }).map(({ method }) => method))).toEqual([
      'grams',
    ]);
  });

  it('are measured behind the rows that they may be', () => {
    expect(fixedFirst({ methods }).map(({ label }) => label)).toEqual([
      'Ours',
      'Ours drawn out',
      'Mean',
      'Automatic',
    ]);
  });

  it('have no options beside them in the row', () => {
    expect(() => parse('  - { label: A, method: auto, alpha: 0.5 }')).toThrow(
      'methods[0].alpha: must be given to a candidate, method is auto',
    );
  });
});

describe('a row chooses', () => {
  const rows = candidateRows(automatic, { methods }).slice(3, 6);
  const agent = { task: 'text-classification', labels: ['no', 'yes'], train: ['train'] } as const;
  const data = {
    agents: [
      { ...agent, name: 'north', dev: ['north-dev'] },
      { ...agent, name: 'south', dev: ['south-dev'] },
      { ...agent, name: 'west', dev: [] },
    ],
    testSets: [
      {
        ...{ name: 'North', task: agent.task, labels: agent.labels, test: ['test'], dev: ['north-dev'] },
        ...{ owner: 'north', group: 'in-domain' as const },
      },
    ],
  };
  const parts = choosingParts(data, ['north', 'south', 'west']);

  it('by the validation data of the agents that are merged and have any', () => {
    expect(parts.map(({ testSet, part }) => [testSet.owner, testSet.dev, part])).toEqual([
      ['north', ['north-dev'], 'dev'],
      ['south', ['south-dev'], 'dev'],
    ]);
    expect(choosingParts(data, ['west', 'south']).length).toBe(1);
  });

  it('by its rule', async () => {
    const scores = new Map([
      ['Ours', [0.9, 0.3]],
      ['RegMean, scale 1.5', [0.6, 0.5]],
      ['TIES', [0.6, 0.4]],
    ]);
    const by = async (rule: 'mean' | 'worst') =>
      (await choose(rows, parts, rule, async ({ label }) => scores.get(label) ?? [])).map(
        ({ title }) => title,
      );
    expect(await by('mean')).toEqual(['Ours']);
    expect(await by('worst')).toEqual(['RegMean, scale 1.5']);
  });

  it('among those that can be merged', async () => {
    const chosen = await choose(rows, parts, undefined, async ({ label }) => {
      if (label === 'TIES') return [0.1, 0.1];
      throw new RegmeanError('numerical', 'no');
    });
    expect(chosen.map(({ title }) => title)).toEqual(['TIES']);
  });

  it('by the order without validation data', async () => {
    const chosen = await choose(rows, [], 'mean', () => Promise.reject(new TypeError('not scored')));
    expect(chosen).toEqual(rows);
  });
});
