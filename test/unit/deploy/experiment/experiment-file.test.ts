import { readdir, readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseExperiment, readExperiment } from '../../../../deploy/experiment/experiment-file.ts';

const minimal = `name: north-south
title: North and south
data:
  task: text-classification
  domains:
    - { name: north, train: [n.jsonl], test: [nt.jsonl] }
    - { name: south, train: [s.jsonl], test: [st.jsonl] }
methods:
  - { label: Simple, method: simple }
`;

function complaint(text: string): string {
  try {
    parseExperiment(text, 'x.yaml');
  } catch (error) {
    return (error as Error).message;
  }
  return '';
}

describe('an experiment file', () => {
  it('needs a name, a title, data and methods; the rest has defaults', () => {
    expect(parseExperiment(minimal, 'x.yaml')).toMatchObject({
      seeds: [1],
      settings: ['single', 'all'],
      heads: { initialization: 'shared', merging: 'united' },
      statistics: { batches: 1000, fisher: { variant: 'empirical', examples: 256, reduction: 'example' } },
    });
  });

  it('names columns for all data, and for a domain of its own', () => {
    const text = minimal
      .replace('data:\n', 'data:\n  textColumn: review\n')
      .replace('name: south,', 'name: south, textColumn: note, labelColumn: grade,');
    expect(parseExperiment(text, 'x.yaml').data).toMatchObject({
      textColumn: 'review',
      domains: [{ name: 'north' }, { name: 'south', textColumn: 'note', labelColumn: 'grade' }],
    });
  });

  it.each([
    ['a key that is not there', `${minimal}seed: 1\n`, 'x.yaml:10: seed: there is no such key'],
    [
      'two sources of data',
      minimal.replace('data:\n', 'data:\n  corpus: names\n'),
      'must have one of corpus, domains and joint, got 2',
    ],
    [
      'a domain without a task',
      minimal.replace('  task: text-classification\n', ''),
      'data.domains[0].task: must be given here or in data',
    ],
    [
      'adapters merged by Grams',
      `${minimal.replace('method: simple', 'method: regmean')}training: { lora: { rank: 8 } }\n`,
      'methods[0]: must need no data where agents train adapters (training.lora), the regmean method does',
    ],
    [
      'adapters with heads of their own',
      `${minimal}training: { lora: { rank: 8 } }\nheads: { merging: separate }\n`,
      'heads.merging: must be united where agents train adapters (training.lora), got separate',
    ],
    [
      'a second round without Grams',
      minimal.replace('method: simple', 'method: simple, rounds: 2'),
      'methods[0].rounds: must be 1, the simple method as it is chosen reads no Grams',
    ],
    [
      'a fitted head beside heads of agents’ own',
      `${minimal.replace('method: simple', 'method: simple, ridgeHead: 1')}heads: { merging: separate }\n`,
      'methods[0].ridgeHead: must be absent with separate heads',
    ],
    [
      'more rounds than two',
      minimal.replace('method: simple', 'method: regmean, rounds: 3'),
      'methods[0].rounds: ',
    ],
    [
      'matching with a second round',
      `${minimal.replace('method: simple', 'method: regmean, rounds: 2')}matching: { agents: [north, south] }\n`,
      'matching: must be absent where agents are asked again, as Simple does',
    ],
    [
      'two methods of one label',
      `${minimal}  - { label: Simple, method: fisher }\n`,
      'methods: must differ, got Simple twice',
    ],
    [
      'multi-task training with separate heads',
      `${minimal}heads: { merging: separate }\nsettings: [multi-task]\n`,
      'settings: must not hold multi-task',
    ],
    ['a sweep among the settings', `${minimal}settings: [alpha]\n`, 'settings[0]'],
  ])('refuses %s, naming the line and the key', (_, text, message) => {
    expect(complaint(text)).toContain(message);
  });

  it('reads every experiment that ships', async () => {
    const folder = resolve('test/bench/experiments');
    const names = (await readdir(folder)).filter((name) => name.endsWith('.yaml'));
    expect(names.length).toBeGreaterThan(5);
    for (const name of names) {
      const experiment = await readExperiment(resolve(folder, name));
      expect(`${experiment.name}.yaml`).toBe(name);
      expect(await readFile(resolve(folder, name), 'utf8')).toContain('description:');
    }
  });

  it('takes relative paths from where it lies', async () => {
    const experiment = await readExperiment(resolve('test/fixtures/experiments/files.yaml'));
    expect(experiment.data.domains?.[0]?.train).toEqual([resolve('test/fixtures/experiments/north.jsonl')]);
  });
});
