import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  classesInFiles,
  type ExamplesRequest,
  loadExamples,
} from '../../../shared/inference/load-examples.ts';
import { architectureOf } from '../../../shared/models/registry.ts';
import { tinyConfig, writeRows, writeTinyBase } from '../../support/tiny-model.ts';
import { unigramIds, unigramTokenizerJson } from '../../support/unigram-tokenizer.ts';

let folder: string;
let model: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-examples-'));
  model = await writeTinyBase(join(folder, 'model'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const rowsFile = (name: string, rows: readonly object[]): Promise<string> =>
  writeRows(join(folder, name), rows);

function request(files: readonly string[], changes: Partial<ExamplesRequest> = {}): ExamplesRequest {
  const { inputs } = architectureOf('bert').parseConfig(tinyConfig);
  const classes = ['cold', 'warm'];
  return {
    files,
    task: 'text-classification',
    classes,
    modelFolder: model,
    inputs,
    labelled: true,
    ...changes,
  };
}

describe('loadExamples', () => {
  it('needs no tokenizer for rows of input_ids, and reads labels by name or index', async () => {
    const file = await rowsFile('ids.jsonl', [
      { input_ids: [2, 5, 3], label: 'warm' },
      { input_ids: [2, 6, 7, 3], label: 0 },
    ]);
    const { examples, rows, truncated } = await loadExamples(request([file]));
    expect(examples.map(({ inputIds, labels }) => [[...inputIds], labels])).toEqual([
      [[2, 5, 3], { kind: 'class', id: 1 }],
      [[2, 6, 7, 3], { kind: 'class', id: 0 }],
    ]);
    expect([rows.length, truncated]).toEqual([2, 0]);
  });

  it('loads the tokenizer for a target of text beside input_ids', async () => {
    const tokenizer = unigramTokenizerJson(['yes', 'no']);
    const modelFolder = await mkdtemp(join(folder, 'with-tokenizer-'));
    await writeFile(join(modelFolder, 'tokenizer.json'), JSON.stringify(tokenizer));
    const file = await rowsFile('target.jsonl', [{ input_ids: [2, 5, 3], target: 'yes' }]);
    const { examples } = await loadExamples(request([file], { task: 'text2text', modelFolder }));
    expect(examples[0]?.labels).toEqual({ kind: 'target', ids: Int32Array.of(3, unigramIds.end) });
  });

  it('does not look at labels where none are wanted', async () => {
    const file = await rowsFile('odd.jsonl', [{ input_ids: [2, 5, 3], label: 'no class at all' }]);
    const { examples } = await loadExamples(request([file], { labelled: false }));
    expect(examples[0]?.labels).toBeNull();
  });

  it('names file, row and the known labels of a label outside the space', async () => {
    const file = await rowsFile('hot.jsonl', [
      { input_ids: [2, 5, 3], label: 'warm' },
      { input_ids: [2, 5, 3], label: 'hot' },
    ]);
    await expect(loadExamples(request([file]))).rejects.toMatchObject({
      code: 'invalid-input',
      message: expect.stringMatching(/hot\.jsonl, row 2: label "hot" is not one of the known labels$/),
      hint: 'known labels: "cold", "warm"',
    });
  });

  it('names the row whose ids are outside the vocabulary, or too many for the model', async () => {
    const outside = await rowsFile('outside.jsonl', [{ input_ids: [2, 12, 3], label: 0 }]);
    await expect(loadExamples(request([outside]))).rejects.toThrow(/outside\.jsonl, row 1: .*12/);
    const long = await rowsFile('long.jsonl', [{ input_ids: new Array(13).fill(5), label: 0 }]);
    await expect(loadExamples(request([long]))).rejects.toThrow(/long\.jsonl, row 1: .*12.*13/);
  });

  it('says what the folder lacks when text needs a tokenizer, and cuts text to the smaller limit', async () => {
    const file = await rowsFile('text.jsonl', [{ text: 'a b a b a b a b a b a b', label: 0 }]);
    await expect(loadExamples(request([file]))).rejects.toThrow(
      `${model}: must hold tokenizer.json or vocab.txt, got neither`,
    );
    await writeFile(join(model, 'vocab.txt'), '[PAD]\n[UNK]\n[CLS]\n[SEP]\na\nb\n');
    const lengthOf = async (maxLength?: number): Promise<unknown> => {
      const { examples, truncated } = await loadExamples(
        request([file], maxLength === undefined ? {} : { maxLength }),
      );
      return [examples[0]?.inputIds.length, truncated];
    };
    expect(await lengthOf()).toEqual([12, 1]);
    expect(await lengthOf(9)).toEqual([9, 1]);
    await rm(join(model, 'vocab.txt'));
  });
});

describe('classesInFiles', () => {
  it('gives the classes of all files together, sorted', async () => {
    const one = await rowsFile('one.jsonl', [{ input_ids: [2], label: 'warm' }]);
    const two = await rowsFile('two.jsonl', [{ input_ids: [2], label: 'cold' }]);
    expect(await classesInFiles([one, two], 'text-classification')).toEqual(['cold', 'warm']);
  });

  it('gives no classes for regression', async () => {
    const file = await rowsFile('score.jsonl', [{ input_ids: [2], label: 0.5 }]);
    expect(await classesInFiles([file], 'regression')).toEqual([]);
  });
});
