import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type DatasetRow, type DemoDataset, writeDataset } from '../../../../deploy/datasets/dataset.ts';
import { type DemoDatasetName, demoDatasets } from '../../../../deploy/datasets/datasets.ts';
import { pretrainingTexts } from '../../../../deploy/pretraining/corpus.ts';
import { comparableText } from '../../../../deploy/pretraining/reserved-text.ts';

const names = Object.keys(demoDatasets) as DemoDatasetName[];
const sizes = { train: 500, dev: 100, test: 300 };
const made = new Map<DemoDatasetName, DemoDataset>(names.map((name) => [name, demoDatasets[name](sizes, 1)]));
const datasetOf = (name: DemoDatasetName): DemoDataset => made.get(name) ?? demoDatasets[name](sizes, 1);

const keyOf = (row: DatasetRow): string => comparableText('text' in row ? row.text : row.tokens.join(''));
const partsOf = (dataset: DemoDataset): (readonly DatasetRow[])[] => [
  ...dataset.domains.flatMap((domain) => [domain.train, domain.dev, domain.test]),
  ...dataset.outOfDomain.map((domain) => domain.test),
];

const { train: pretrainedOn, heldOut } = pretrainingTexts();
const pretrained = {
  texts: new Set([...pretrainedOn, ...heldOut].flatMap((text) => text.split(' [SEP] ')).map(comparableText)),
  running: comparableText(pretrainedOn.join('')),
};

describe.each(names)('the data set %s', (name) => {
  it('gives every domain the rows that were asked for; a small domain has fewer to train on', () => {
    for (const domain of datasetOf(name).domains) {
      const trainingRows = name === 'names' && domain.domain === 'religion' ? 278 : 500;
      expect([domain.train.length, domain.dev.length, domain.test.length], domain.domain).toEqual([
        trainingRows,
        100,
        300,
      ]);
    }
    for (const domain of datasetOf(name).outOfDomain) expect(domain.test, domain.domain).toHaveLength(300);
  });

  it('has no row in two parts or two domains', () => {
    const rows = partsOf(datasetOf(name)).flat().map(keyOf);
    expect(new Set(rows).size).toBe(rows.length);
  });

  it('uses its labels and no other', () => {
    const { labels, domains } = datasetOf(name);
    const used = new Set(
      domains.flatMap(({ train }) =>
        train.flatMap((row) =>
          'label' in row ? [String(row.label)] : 'tags' in row ? row.tags : row.labels,
        ),
      ),
    );
    expect([...used].filter((label) => !labels.includes(label))).toEqual([]);
    expect(used.size).toBeGreaterThan(1);
  });

  it('shares no text with pretraining', () => {
    const rows = partsOf(datasetOf(name)).flat();
    expect(rows.filter((row) => pretrained.texts.has(keyOf(row)))).toEqual([]);
    for (const row of rows.filter((candidate) => keyOf(candidate).length > 80).slice(0, 50)) {
      expect(pretrained.running.includes(keyOf(row)), keyOf(row)).toBe(false);
    }
  });

  it('is the same for the same seed and another for another', () => {
    expect(demoDatasets[name](sizes, 1)).toEqual(datasetOf(name));
    expect(demoDatasets[name](sizes, 2).domains[0]?.test).not.toEqual(datasetOf(name).domains[0]?.test);
  });

  it('refuses sizes that leave nothing to train on', () => {
    expect(() => demoDatasets[name]({ train: 10, dev: 5_000, test: 5_000 }, 1)).toThrow(
      /splitRows: test and dev must leave rows for training, got 10000 \(\w+ has \d+ rows\)/,
    );
  });
});

describe('the data set names', () => {
  it('holds only sentences with a name or a title', () => {
    for (const row of partsOf(datasetOf('names')).flat()) {
      expect('tags' in row && row.tags.some((tag) => tag !== 'O')).toBe(true);
    }
  });

  it('has one tag per word and both kinds of spans in every domain', () => {
    for (const { domain, train } of datasetOf('names').domains) {
      const tags = train.flatMap((row) => {
        if (!('tokens' in row)) return [];
        expect(row.tags).toHaveLength(row.tokens.length);
        return [...row.tags];
      });
      expect(tags.filter((tag) => tag === 'B-NAME').length, domain).toBeGreaterThan(100);
      expect(tags.filter((tag) => tag === 'B-TITLE').length, domain).toBeGreaterThan(10);
    }
  });
});

describe('writeDataset', () => {
  it('writes a folder of JSON Lines files per domain', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'regmean-dataset-'));
    try {
      const dataset = datasetOf('names');
      await writeDataset(dataset, join(directory, 'data'));
      const folders = [...dataset.domains, ...dataset.outOfDomain].map(({ domain }) => domain).sort();
      expect(await readdir(join(directory, 'data'))).toEqual(folders);
      const lines = (await readFile(join(directory, 'data', 'news', 'dev.jsonl'), 'utf8'))
        .trimEnd()
        .split('\n');
      expect(lines.map((line) => JSON.parse(line))).toEqual(dataset.domains[0]?.dev);
      expect(await readdir(join(directory, 'data', 'humor'))).toEqual(['test.jsonl']);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
