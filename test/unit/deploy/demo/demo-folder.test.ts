import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DemoDataset } from '../../../../deploy/datasets/dataset.ts';
import { prepareDemoFolder } from '../../../../deploy/demo/demo-folder.ts';
import { readRecipe } from '../../../../merger/recipe/read-recipe.ts';
import { recipeSchema } from '../../../../merger/recipe/recipe.ts';

const rows = [{ text: 'good', label: 'positive' }];
const dataset: DemoDataset = {
  task: 'text-classification',
  labels: ['negative', 'positive'],
  domains: ['amazon', 'yelp'].map((domain) => ({ domain, train: rows, dev: rows, test: rows })),
  outOfDomain: [{ domain: 'imdb', dev: rows, test: rows }],
};
const recipe = recipeSchema.parse({
  name: 'demo',
  base: '/base',
  task: 'text-classification',
  labels: ['negative', 'positive'],
  agents: ['amazon', 'yelp'],
});

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'regmean-demo-'));
});
afterEach(() => rm(directory, { recursive: true }));

describe('prepareDemoFolder', () => {
  it('gives every party its files, and keeps private keys to their owner', async () => {
    const paths = await prepareDemoFolder(directory, dataset, recipe);
    expect(await readRecipe(paths.recipe)).toEqual(recipe);
    for (const agent of paths.agents) {
      expect(JSON.parse(await readFile(agent.data.train, 'utf8'))).toEqual(rows[0]);
      expect(await readFile(agent.certificate, 'utf8')).toContain('BEGIN CERTIFICATE');
      expect((await stat(agent.privateKey)).mode & 0o077).toBe(0);
    }
    expect(paths.outOfDomain.map(({ test }) => test)).toEqual([
      join(directory, 'private-data', 'imdb', 'test.jsonl'),
    ]);
  });

  it('replaces what an earlier demo left', async () => {
    const paths = await prepareDemoFolder(directory, dataset, recipe);
    await writeFile(paths.results, '{}');
    await prepareDemoFolder(directory, dataset, recipe);
    expect(await readdir(directory)).not.toContain('results.json');
  });

  it('leaves a folder alone that no demo has made', async () => {
    await writeFile(join(directory, 'thesis.txt'), 'years of work');
    await expect(prepareDemoFolder(directory, dataset, recipe)).rejects.toThrow(
      `--out ${directory}: must be new, empty or the folder of a demo`,
    );
    expect(await readdir(directory)).toEqual(['thesis.txt']);
  });
});
