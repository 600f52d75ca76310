import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createModel, saveModel } from '../../shared/models/model-folder.ts';
import { copyModel } from '../support/copy-model.ts';
import { changeWeights, tinyConfig, toyRows, writeRows, writeTinyBase } from '../support/tiny-model.ts';
import { runCommand } from '../support/wire-process.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-mistakes-'));
  const at = (name: string): string => join(folder, name);
  await writeTinyBase(at('base'));
  const tuned = async (name: string): Promise<void> => {
    await mkdir(at(name));
    await saveModel(at(name), createModel(tinyConfig, 'text-classification', ['cold', 'warm'], 1));
  };
  await tuned('model');
  await tuned('other');
  await tuned('cut');
  await truncate(at('cut/model.safetensors'), 4000);
  await tuned('nan');
  await changeWeights(at('nan'), (name, tensor) => {
    if (name === 'classifier.bias') tensor.data[1] = Number.NaN;
    return tensor;
  });
  await mkdir(at('wide'));
  await copyModel(at('model'), at('wide'), (tensors) => [
    ...tensors,
    { name: 'cls.predictions.transform.dense.weight', shape: [1], data: Float32Array.of(1) },
  ]);
  const rows = toyRows('text-classification', 8, 1);
  await writeRows(at('good.jsonl'), rows);
  await writeFile(at('bad.jsonl'), `${JSON.stringify(rows[0])}\n{"input_ids": [2, 5, 3], "label": \n`);
  await writeRows(at('hot.jsonl'), [...rows, { input_ids: [2, 5, 3], label: 'hot' }]);
  await writeRows(at('foreign.jsonl'), [{ input_ids: [2, 5, 3], label: 'hot' }]);
  await writeRows(at('text.jsonl'), [{ text: 'words', label: 'warm' }]);
  await mkdir(at('full'));
  await writeFile(at('full/notes.txt'), 'mine');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const text = ['--task', 'text-classification'];
const train = ['train', '--model', '@base', ...text, '--train', '@good.jsonl', '--out', '@new'];
const stats = [
  'stats',
  '--model',
  '@model',
  ...text,
  '--data',
  '@good.jsonl',
  '--out',
  '@new',
  '--base',
  '@base',
];
const predict = ['predict', '--model', '@model', ...text, '--data', '@good.jsonl', '--out', '@new'];
const evaluate = ['evaluate', '--model', '@model', ...text, '--data', '@good.jsonl'];

/** A command line with one option's value replaced. */
function replaced(args: readonly string[], option: string, value: string): string[] {
  return args.map((argument, index) => (args[index - 1] === option ? value : argument));
}

/** What is wrong, the command line (`@` stands for the folder), the exit code, what is said. */
const mistakes: readonly [string, readonly string[], number, string][] = [
  [
    'an unknown task',
    replaced(train, '--task', 'sentiment'),
    2,
    "error: option '--task <kind>' argument 'sentiment' is invalid. must be one of text-classification, multi-label-classification, regression, token-classification, text2text, causal-lm\n(--help shows the options)\n",
  ],
  [
    'a missing option',
    ['train', '--model', '@base'],
    2,
    "error: required option '--task <kind>' not specified\n(--help shows the options)\n",
  ],
  [
    'an unknown command',
    ['trian'],
    2,
    "error: unknown command 'trian'\n(Did you mean train?)\n(--help shows the options)\n",
  ],
  [
    'a file that is not there',
    replaced(train, '--train', '@absent.jsonl'),
    1,
    'error: @absent.jsonl: no such file\n',
  ],
  [
    'a dev file that is not there',
    [...train, '--dev', '@absent.jsonl'],
    1,
    'error: @absent.jsonl: no such file\n',
  ],
  [
    'a model folder that is not there',
    replaced(predict, '--model', '@absent'),
    1,
    'error: @absent: must be a Hugging Face model folder with config.json\n',
  ],
  [
    'a row that is no JSON',
    replaced(train, '--train', '@bad.jsonl'),
    1,
    'error: @bad.jsonl, row 2: not valid JSON: Unexpected end of JSON input\n',
  ],
  [
    'a label outside the space',
    [...replaced(train, '--train', '@hot.jsonl'), '--labels', 'cold,warm'],
    1,
    'error: @hot.jsonl, row 9: label "hot" is not one of the known labels\nhint: known labels: "cold", "warm"\n',
  ],
  [
    'data of which the model knows no class',
    replaced(evaluate, '--data', '@foreign.jsonl'),
    1,
    'error: @model: must know a class of @foreign.jsonl, which has hot; it knows cold, warm\n',
  ],
  [
    'text without a tokenizer',
    replaced(predict, '--data', '@text.jsonl'),
    1,
    "error: @model: must hold tokenizer.json or vocab.txt, got neither\nhint: AutoTokenizer.from_pretrained(DIR, use_fast=True).save_pretrained(DIR) in Python's transformers writes one\n",
  ],
  ['weights that are cut off', replaced(predict, '--model', '@cut'), 1, 'error: @cut/model.safetensors: '],
  [
    'weights that are not numbers',
    replaced(predict, '--model', '@nan'),
    1,
    'error: @nan: weights must fit config.json and be finite: classifier.bias must be finite, got NaN at element 1\n',
  ],
  [
    'a base without the head that is asked for',
    replaced(evaluate, '--model', '@base'),
    1,
    'error: @base: weights must fit config.json and be finite: bert.pooler.dense.weight [16, 16] is missing;',
  ],
  [
    'an output folder of train that holds something',
    replaced(train, '--out', '@full'),
    1,
    'error: @full: must be a new or empty folder, or an unfinished training\nhint: choose another folder, or delete this one\n',
  ],
  [
    'an output folder of stats that holds something',
    replaced(stats, '--out', '@full'),
    1,
    'error: @full: must be a new or empty folder, holds notes.txt\nhint: choose another folder, or remove this one first\n',
  ],
  [
    'an output file of predict that is a folder',
    replaced(predict, '--out', '@full'),
    1,
    'error: --out @full: must be a file, is a folder\n',
  ],
  [
    'a model without training.json and no base',
    stats.slice(0, -2),
    2,
    'error: --base: needed, because @model has no training.json\nhint: name the folder of the base model that it was fine-tuned from\n',
  ],
  [
    'contributions without Grams',
    ['merge', '@model', '@other', '--out', '@new'],
    1,
    'error: model: regmean needs Grams, @model has no grams.safetensors\nhint: make them with `regmean stats`, or merge with `--method simple`\n',
  ],
];

describe('a mistake is answered in a line, without a stack', () => {
  it.each(mistakes)('%s', async (_, args, exitCode, said) => {
    const { code, stdout, stderr } = await runCommand(
      args.map((argument) => argument.replace(/^@/, `${folder}/`)),
    );
    const shown = stderr.replaceAll(`${folder}/`, '@');
    if (said.endsWith('\n')) expect(shown).toBe(said);
    else expect(shown.slice(0, said.length), shown).toBe(said);
    expect(shown).not.toContain('    at ');
    expect(shown.split('\n').filter((line) => line.startsWith('error: '))).toHaveLength(1);
    expect({ code, stdout }).toEqual({ code: exitCode, stdout: '' });
    expect(await readdir(folder)).not.toContain('new');
    expect(await readFile(join(folder, 'full/notes.txt'), 'utf8')).toBe('mine');
  });

  it('which is JSON on standard output too with --json', async () => {
    const { code, stdout } = await runCommand([
      ...[
        'evaluate',
        '--model',
        join(folder, 'absent'),
        ...text,
        '--data',
        join(folder, 'good.jsonl'),
        '--json',
      ],
    ]);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toEqual({
      error: {
        code: 'not-found',
        message: `${join(folder, 'absent')}: must be a Hugging Face model folder with config.json`,
      },
    });
  });
});

it.each([
  ['train', 'base', [...replaced(train, '--out', '@trained'), '--epochs', '1']],
  ['stats', 'wide', replaced(replaced(stats, '--model', '@wide'), '--out', '@collected')],
  ['evaluate', 'wide', replaced(evaluate, '--model', '@wide')],
  ['predict', 'wide', replaced(replaced(predict, '--model', '@wide'), '--out', '@predicted')],
])('%s says which tensors its model has no place for', async (_, model, args) => {
  const { code, stderr } = await runCommand(args.map((argument) => argument.replace(/^@/, `${folder}/`)));
  expect(code, stderr).toBe(0);
  expect(stderr).toContain(
    `${join(folder, model)}: not used by text-classification: cls.predictions.transform.dense.weight`,
  );
});

describe('help', () => {
  it.each([['train'], ['stats'], ['merge'], ['predict'], ['evaluate']])(
    'of %s ends with 0',
    async (command) => {
      const { code, stdout } = await runCommand([command, '--help']);
      expect(code).toBe(0);
      expect(stdout).toContain(`Usage: regmean ${command} `);
    },
  );
});
