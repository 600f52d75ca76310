import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseExperiment } from '../../../../deploy/experiment/experiment-file.ts';
import { unionOf } from '../../../../deploy/experiment/fine-tune.ts';
import { prepareData } from '../../../../deploy/experiment/prepare-data.ts';
import { readRows } from '../../../../shared/data/read-rows.ts';
import type { Row } from '../../../../shared/data/row.ts';
import { dataFile } from '../../data/data-files.ts';

describe('the data of an experiment', () => {
  it('are read by the names of columns of their domain, together too', async () => {
    const north = await dataFile('north.jsonl', '{"review": "good", "text": "no", "label": "pos"}\n');
    const south = await dataFile('south.jsonl', '{"note": "bad", "grade": "neg"}\n');
    const experiment = parseExperiment(
      `name: x
title: X
data:
  task: text-classification
  textColumn: review
  domains:
    - { name: north, train: [${north}], test: [${north}] }
    - { name: south, textColumn: note, labelColumn: grade, train: [${south}], test: [${south}] }
    - { name: tags, task: token-classification, labels: [O], train: [t.conll], test: [t.conll] }
methods:
  - { label: Simple, method: simple }
`,
      'x.yaml',
    );
    const { agents, testSets } = await prepareData(experiment, 1, '/nowhere');
    expect(agents.map(({ labels }) => labels)).toEqual([['pos'], ['neg'], ['O']]);
    expect(testSets.map(({ columns }) => columns)).toEqual([
      { textColumn: 'review' },
      { textColumn: 'note', labelColumn: 'grade' },
      {},
    ]);
    const together = unionOf(agents.slice(0, 2));
    const rows = await readRows(together.train, { task: together.task, labelled: true }, together.columns);
    expect(rows.map(({ input, label }) => [input.kind === 'text' && input.text, label])).toEqual([
      ['good', 'pos'],
      ['bad', 'neg'],
    ]);
  });

  it('are drawn anew from files for every seed, at most as many as the sizes say, in their order', async () => {
    const words = Array.from(
      { length: 40 },
      (_, at) => `{"words": ["w${at}", "x"], "marks": ["O", "B-A"]}\n`,
    );
    const tags = await dataFile('tags.jsonl', words.join(''));
    const texts = Array.from(
      { length: 3 },
      (_, at) => `{"first": "t${at}", "second": "p", "labels": ["a"]}\n`,
    );
    const pairs = await dataFile('pairs.jsonl', texts.join(''));
    const experiment = parseExperiment(
      `name: x
title: X
data:
  sizes: { train: 10, dev: 4, test: 5 }
  domains:
    - { name: tags, task: token-classification, tokensColumn: words, tagsColumn: marks,
        train: [${tags}], dev: [${tags}], test: [${tags}] }
    - { name: pairs, task: multi-label-classification, labels: [a, b], textColumn: first, pairColumn: second,
        train: [${pairs}], test: [${pairs}] }
methods:
  - { label: Simple, method: simple }
`,
      'x.yaml',
    );
    const folder = await mkdtemp(join(tmpdir(), 'regmean-sizes-'));
    const [first, other] = [
      await prepareData(experiment, 1, folder),
      await prepareData(experiment, 2, folder),
    ];
    const rowsOf = async ({ agents, testSets }: typeof first, index: number) => {
      const [agent, testSet] = [
        agents[index] as (typeof agents)[number],
        testSets[index] as (typeof testSets)[number],
      ];
      const read = async (files: readonly string[]) =>
        files.length === 0 ? [] : readRows(files, { task: agent.task, labelled: true });
      return { train: await read(agent.train), dev: await read(testSet.dev), test: await read(testSet.test) };
    };
    const place = ({ input }: Row): number =>
      input.kind === 'words' ? Number(input.words[0]?.slice(1)) : Number.NaN;

    const { train, dev, test } = await rowsOf(first, 0);
    expect([train.length, dev.length, test.length]).toEqual([10, 4, 5]);
    expect(train.map(place)).toEqual(train.map(place).toSorted((a, b) => a - b));
    expect(train[0]?.label).toEqual(['O', 'B-A']);
    expect((await rowsOf(other, 0)).train.map(place)).not.toEqual(train.map(place));
    expect(first.agents[0]?.dev).toEqual(first.testSets[0]?.dev);

    const all = await rowsOf(first, 1);
    expect(all.dev).toEqual([]);
    expect(all.train.map(({ input, label }) => ({ input, label }))).toEqual(
      [0, 1, 2].map((at) => ({ input: { kind: 'text', text: `t${at}`, textPair: 'p' }, label: ['a'] })),
    );
    await rm(folder, { recursive: true });
  });
});
