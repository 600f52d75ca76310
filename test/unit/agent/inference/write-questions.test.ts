import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type QuestionOptions,
  questionDefaults,
  writeQuestions,
} from '../../../../agent/inference/write-questions.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-questions-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function ask(rows: readonly object[], changes: Partial<QuestionOptions> = {}): Promise<object[]> {
  const [data, out] = [join(folder, 'rows.jsonl'), join(folder, 'questions.jsonl')];
  await writeFile(data, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  await writeQuestions({
    task: 'text-classification',
    dataFiles: [data],
    out,
    ...questionDefaults,
    ...changes,
  });
  return (await readFile(out, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

describe('writeQuestions', () => {
  it("asks the paper's question for each class of each row", async () => {
    const rows = [
      { text: 'what a day', label: 'joy' },
      { text: 'oh no', label: 'fear' },
    ];
    expect(await ask(rows)).toEqual([
      { text: 'does the sentence express fear? what a day', target: 'no', row: 1, class: 'fear' },
      { text: 'does the sentence express joy? what a day', target: 'yes', row: 1, class: 'joy' },
      { text: 'does the sentence express fear? oh no', target: 'yes', row: 2, class: 'fear' },
      { text: 'does the sentence express joy? oh no', target: 'no', row: 2, class: 'joy' },
    ]);
  });

  it('takes rows with several classes, other questions, answers and classes', async () => {
    const questions = await ask([{ text: '$& wow', labels: ['joy'] }], {
      task: 'multi-label-classification',
      classes: ['joy', 'anger'],
      template: '{text} Is this {class}?',
      answers: ['true', 'false'],
    });
    expect(questions).toMatchObject([
      { text: '$& wow Is this joy?', target: 'true' },
      { text: '$& wow Is this anger?', target: 'false' },
    ]);
  });

  it('refuses templates and answers that cannot serve, and rows without text', async () => {
    const rows = [{ text: 'a', label: 'b' }];
    await expect(ask(rows, { template: '{text}?' })).rejects.toThrow('--template: must have {class}');
    await expect(ask(rows, { answers: ['yes'] })).rejects.toThrow('--answers: must be two different texts');
    await expect(ask([{ input_ids: [1, 2], label: 'b' }])).rejects.toThrow('row 1: a question needs text');
  });
});
