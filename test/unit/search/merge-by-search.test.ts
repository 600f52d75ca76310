import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { evaluateModels } from '../../../agent/inference/evaluate-models.ts';
import { statisticsDefaults } from '../../../agent/statistics/statistics-options.ts';
import { collectStatistics } from '../../../agent/steps/collect-statistics.ts';
import { mergeContributions } from '../../../merger/merge/merge-contributions.ts';
import { candidateCoefficients } from '../../../merger/search/candidates.ts';
import { mergeBySearch } from '../../../merger/search/merge-by-search.ts';
import { writeTrainingRecord } from '../../../shared/contribution/training-record.ts';
import { baseFingerprint } from '../../../shared/formats/base-fingerprint.ts';
import { createModel, saveModel } from '../../../shared/models/model-folder.ts';
import { createRunContext } from '../../../shared/runtime/run-context.ts';
import { quietContext } from '../../support/run-context.ts';
import { tinyConfig, toyRows, writeRows, writeTinyBase } from '../../support/tiny-model.ts';

const task = 'text-classification';
const labels = ['cold', 'warm'];
let folder: string;
let validation: string;
let contributions: string[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-search-'));
  const fingerprint = await baseFingerprint(await writeTinyBase(join(folder, 'base')));
  validation = await writeRows(join(folder, 'validation.jsonl'), toyRows(task, 40, 9));
  contributions = [];
  for (const [index, agent] of ['a', 'b', 'c'].entries()) {
    const model = join(folder, `${agent}-model`);
    await mkdir(model);
    await saveModel(model, createModel(tinyConfig, task, labels, index + 20));
    await writeTrainingRecord(model, { task, labels: [...labels], baseFingerprint: fingerprint });
    const out = join(folder, agent);
    await collectStatistics(
      {
        ...statisticsDefaults,
        ...{ model, task, dataFiles: [validation], out, agent, shareMetrics: false },
      },
      quietContext,
    );
    contributions.push(out);
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const search = { validationFiles: [] as string[], seed: 1, values: {} };
const options = (name: string) => ({ method: 'regmean', out: join(folder, name) }) as const;
const accuracyOf = async (model: string): Promise<number> =>
  (
    await evaluateModels(
      {
        ...{ models: [model], task, dataFiles: [validation], ensemble: false, batchSize: 8 },
      },
      quietContext,
    )
  )[0]?.metrics.accuracy ?? Number.NaN;

describe('candidates', () => {
  it('are an even grid for two contributions', () => {
    const grid = candidateCoefficients({ count: 2, trials: 9, seed: 1 });
    expect(grid.map(([first]) => Number(first?.toFixed(6)))).toEqual([
      0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9,
    ]);
    for (const pair of grid) expect((pair[0] ?? 0) + (pair[1] ?? 0)).toBeCloseTo(1, 12);
  });

  it('are equal and then random ones that sum to 1 for more, uniform over all such', () => {
    const many = candidateCoefficients({ count: 3, trials: 20_001, seed: 5 });
    expect(many[0]).toEqual([1 / 3, 1 / 3, 1 / 3]);
    for (const own of many.slice(0, 50)) expect(own.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
    // Of a flat Dirichlet distribution over three, the first is below t with probability 1 - (1 -
    // t)^2.
    const below = many.slice(1).filter(([first]) => (first as number) < 0.5).length / 20_000;
    expect(below).toBeCloseTo(0.75, 1);
    expect(candidateCoefficients({ count: 3, trials: 5, seed: 5 })).toEqual(many.slice(0, 5));
  });
});

describe('a merge by search', () => {
  it('writes what a merge with the best coefficients writes, and reports every trial', async () => {
    const report = await mergeBySearch(
      contributions.slice(0, 2),
      options('found'),
      {
        ...search,
        validationFiles: [validation],
        values: { alpha: [0.1, 1] },
      },
      quietContext,
    );
    const trials = report.search?.trials ?? [];
    expect(trials).toHaveLength(18);
    const best = Math.max(...trials.map(({ score }) => score));
    expect(await accuracyOf(join(folder, 'found'))).toBeCloseTo(best, 10);
    await mergeContributions(
      contributions.slice(0, 2),
      {
        ...options('plain'),
        alpha: report.alpha ?? Number.NaN,
        coefficients: report.agents.map(({ coefficient }) => coefficient),
      },
      quietContext,
    );
    const bytes = (name: string) => readFile(join(folder, name, 'model.safetensors'));
    expect((await bytes('found')).equals(await bytes('plain'))).toBe(true);
    expect(await readFile(join(folder, 'found', 'README.md'), 'utf8')).toContain(
      'the best of 18 tried, by accuracy on 40 validation examples',
    );
  });

  it('tries as many random coefficients as asked for with more contributions', async () => {
    const report = await mergeBySearch(
      contributions,
      options('three'),
      {
        ...search,
        validationFiles: [validation],
        trials: 4,
      },
      quietContext,
    );
    expect(report.search?.trials.map(({ coefficients }) => coefficients.length)).toEqual([3, 3, 3, 3]);
  });

  it('leaves nothing behind but the result, also when it is stopped', async () => {
    const controller = new AbortController();
    const stopped = mergeBySearch(
      contributions,
      options('stopped'),
      { ...search, validationFiles: [validation] },
      createRunContext({
        signal: controller.signal,
        onProgress: ({ done }) => done === 1 && controller.abort(),
      }),
    );
    await expect(stopped).rejects.toMatchObject({ code: 'interrupted' });
    const names = await readdir(folder);
    expect(names.filter((name) => name.startsWith('.') || name === 'stopped')).toEqual([]);
  });

  it('refuses coefficients that are given, and heads that are kept apart', async () => {
    const own = { ...search, validationFiles: [validation] };
    await expect(
      mergeBySearch(contributions, { ...options('x'), coefficients: [1, 1, 1] }, own, quietContext),
    ).rejects.toThrow('--validation: chooses coefficients, --coefficients gives them; use one');
    await expect(
      mergeBySearch(contributions, { ...options('x'), heads: 'separate' }, own, quietContext),
    ).rejects.toThrow('--validation: needs one fused model to score');
  });
});
