import { describe, expect, it } from 'vitest';
import { parseExperiment } from '../../../../deploy/experiment/experiment-file.ts';
import { unionOf } from '../../../../deploy/experiment/fine-tune.ts';
import { prepareData } from '../../../../deploy/experiment/prepare-data.ts';
import { readRows } from '../../../../shared/data/read-rows.ts';
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
});
