import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeCorpus } from '../../../../deploy/datasets/write-corpus.ts';

const temporaryFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'regmean-corpus-'));
const sizes = { train: 60, dev: 12, test: 24 };

async function rowsOf(files: readonly string[]): Promise<Record<string, unknown>[]> {
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')));
  return texts.flatMap((text) => text.trimEnd().split('\n')).map((line) => JSON.parse(line));
}

describe('a corpus', () => {
  it('gives each domain an agent and a test set, and out-of-domain sets with validation data of their own', async () => {
    const { agents, testSets } = await writeCorpus('names', { sizes }, 1, await temporaryFolder());
    expect(agents.map(({ name }) => name)).toEqual([
      'news',
      'religion',
      'hobbies',
      'government',
      'learned',
      'romance',
    ]);
    const humor = testSets.find(({ name }) => name === 'humor');
    expect(humor).toMatchObject({ owner: null, group: 'out-of-domain' });
    const test = await rowsOf(humor?.test ?? []);
    const dev = await rowsOf(humor?.dev ?? []);
    expect([test.length, dev.length]).toEqual([24, 12]);
    const seen = new Set(test.map((row) => JSON.stringify(row)));
    expect(dev.filter((row) => seen.has(JSON.stringify(row)))).toEqual([]);
  });

  it('annotates other classes for every genre of contents, and all of them out of domain', async () => {
    const { agents, testSets } = await writeCorpus('contents', { sizes }, 1, await temporaryFolder());
    const classes = agents.map(({ labels }) => labels.join(' '));
    expect(new Set(classes).size).toBe(agents.length);
    expect(testSets.find(({ name }) => name === 'reviews')?.labels).toHaveLength(9);
    expect(new Set(agents.flatMap(({ labels }) => labels)).size).toBe(9);
    for (const { labels, train } of agents) {
      const used = new Set((await rowsOf(train)).flatMap((row) => row.labels as string[]));
      expect([...used].filter((label) => !labels.includes(label))).toEqual([]);
    }
  });

  it('divides the classes of genre between two agents, and tests on all', async () => {
    const { agents, testSets } = await writeCorpus('genre-halves', { sizes }, 1, await temporaryFolder());
    expect(agents.map(({ labels }) => labels.length)).toEqual([3, 3]);
    expect(testSets[0]?.labels).toEqual(agents.flatMap(({ labels }) => labels));
    for (const { labels, train } of agents) {
      expect(new Set((await rowsOf(train)).map(({ label }) => label))).toEqual(new Set(labels));
    }
  });

  it('gives tasks an agent each, with data of its own', async () => {
    const { agents, testSets } = await writeCorpus('tasks', { sizes }, 1, await temporaryFolder());
    expect(agents.map(({ name, task }) => `${name}: ${task}`)).toEqual([
      'sentiment: text-classification',
      'tense: text-classification',
      'names: token-classification',
      'part-of-speech: token-classification',
    ]);
    expect(testSets.map(({ owner }) => owner)).toEqual(agents.map(({ name }) => name));
  });

  it('has seven tasks: the four, another classification, a number and several labels at once', async () => {
    const { agents, testSets } = await writeCorpus('seven-tasks', { sizes }, 1, await temporaryFolder());
    expect(agents.slice(4).map(({ name, task, labels }) => `${name}: ${task}, ${labels.length}`)).toEqual([
      'genre: text-classification, 6',
      'density: regression, 0',
      'contents: multi-label-classification, 9',
    ]);
    for (const { train } of agents) expect(await rowsOf(train)).toHaveLength(sizes.train);
    expect(testSets.map(({ owner }) => owner)).toEqual(agents.map(({ name }) => name));
  });

  it.each(['sentiment', 'genre', 'tense', 'preposition'])(
    'divides %s between two agents by a key class',
    async (name) => {
      const partition = { share: 0.8, size: 20 };
      const { agents, testSets } = await writeCorpus(name, { sizes, partition }, 1, await temporaryFolder());
      expect(agents.map((agent) => agent.name)).toEqual(['key-class', 'rest']);
      for (const { train } of agents) expect(await rowsOf(train)).toHaveLength(20);
      expect(testSets).toMatchObject([{ name: 'joint', owner: null, group: 'in-domain' }]);
    },
  );

  it('is the same for the same seed, and another for another', async () => {
    const text = async (seed: number): Promise<string> => {
      const { agents } = await writeCorpus('names', { sizes }, seed, await temporaryFolder());
      return readFile(agents[0]?.train[0] ?? '', 'utf8');
    };
    expect(await text(1)).toBe(await text(1));
    expect(await text(1)).not.toBe(await text(2));
  });

  it('names the corpora there are when asked for another', async () => {
    await expect(writeCorpus('nam', { sizes }, 1, join('never', 'made'))).rejects.toThrow(
      'corpus: must be one of names, part-of-speech, sentiment, contents, genre-halves, tasks, seven-tasks, got nam',
    );
  });
});
