import { cp, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TaskKind } from '../../shared/task.ts';
import { changeWeights, readWeights, toyRows, writeRows, writeTinyBase } from '../support/tiny-model.ts';
import { runCommand } from '../support/wire-process.ts';

const threads = ['--threads', '1'];
const text = 'text-classification';
const multi = 'multi-label-classification';
let folder: string;
const at = (...names: string[]): string => join(folder, ...names);

/** Runs a command that must succeed; returns its standard output as JSON. */
async function json(...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await runCommand([...args, '--json']);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}

/** Fine-tunes and contributes by the commands that an organization uses. */
async function contribute(
  agent: string,
  task: TaskKind,
  rows: readonly object[],
  labels?: string,
): Promise<void> {
  const data = await writeRows(at(`${agent}.jsonl`), rows);
  const named = labels === undefined ? [] : ['--labels', labels];
  const model = at(`${agent}-model`);
  await json(
    ...[
      'train',
      '--model',
      at('base'),
      '--task',
      task,
      '--train',
      data,
      '--out',
      model,
      '--epochs',
      '4',
      '--lr',
      '5e-3',
    ],
    ...[...named, ...threads],
  );
  await json(
    ...['stats', '--model', model, '--task', task, '--data', data, '--out', at(agent), '--agent', agent],
    ...['--fisher', 'empirical', '--fisher-examples', '16', ...threads],
  );
}

const tempered = (count: number, seed: number) =>
  toyRows(multi, count, seed).map(({ input_ids, labels = [] }) => ({
    input_ids,
    labels: labels.map((label) => (label === 'warm' ? 'mild' : label)),
  }));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-merge-'));
  await writeTinyBase(at('base'));
  await contribute('north', text, toyRows(text, 64, 1), 'cold,warm');
  await contribute('south', text, toyRows(text, 64, 2), 'warm,cold');
  await contribute('tags', 'token-classification', toyRows('token-classification', 64, 3));
  await contribute('two', multi, toyRows(multi, 64, 4), 'warm,cold');
  await contribute('other', multi, tempered(64, 5), 'mild,cold');
  await writeRows(at('test.jsonl'), toyRows(text, 40, 9));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('regmean merge', () => {
  it('averages by Fisher information, and says what it did', async () => {
    const report = await json('merge', at('north'), at('south'), '--out', at('fisher'), '--method', 'fisher');
    expect(report).toMatchObject({
      method: 'fisher',
      fisher: { smoothing: 1e-10, normalize: 'none' },
      alpha: null,
    });
    expect(await readFile(at('fisher', 'README.md'), 'utf8')).toContain('Fisher-weighted averaging');
  });

  it('adds a constant to the diagonals, and averages layers by name', async () => {
    const args = [
      'merge',
      at('north'),
      at('south'),
      '--out',
      at('ridge'),
      '--ridge',
      '0.1',
      '--average',
      'pooler',
    ];
    expect(await json(...args)).toMatchObject({
      alpha: 1,
      ridge: 0.1,
      parameters: { patterns: { average: ['pooler'] } },
    });
  });

  it('merges a second time, with Grams of what layers read in the first merge', async () => {
    await json('merge', at('north'), at('south'), '--out', at('first'));
    for (const agent of ['north', 'south']) {
      const model = ['--model', at(`${agent}-model`), '--inputs-from', at('first'), '--task', text];
      const data = ['--data', at(`${agent}.jsonl`), '--out', at(`${agent}-again`), '--agent', agent];
      await json('stats', ...model, ...data, ...threads);
    }
    const report = await json('merge', at('north-again'), at('south-again'), '--out', at('second'));
    const fingerprint = expect.stringMatching(/^[0-9a-f]{64}$/);
    expect(report).toMatchObject({ agents: [{ inputsFrom: fingerprint }, { inputsFrom: fingerprint }] });
    expect(await readFile(at('second', 'README.md'), 'utf8')).toContain(
      'The Grams of all agents are of layers’ inputs in an earlier merge',
    );
    const [once, twice] = [await readWeights(at('first')), await readWeights(at('second'))];
    const same = (name: string) =>
      once.get(name)?.data.every((value, i) => value === twice.get(name)?.data[i]);
    // What no Gram weighs is the same mean; what the first layer's activations weigh is not.
    expect(same('bert.embeddings.word_embeddings.weight')).toBe(true);
    expect(same('bert.encoder.layer.0.output.dense.weight')).toBe(false);
    const other = ['--inputs-from', at('tags-model'), '--task', text, '--data', at('north.jsonl')];
    const refused = await runCommand(['stats', '--model', at('north-model'), ...other, '--out', at('x')]);
    expect(refused.code).toBe(1);
  });

  it('fits one head to the data of all agents, by sums that they make', async () => {
    const fused = ['--model', at('fused')];
    await json('merge', at('north'), at('south'), '--out', at('fused'));
    const files: string[] = [];
    for (const agent of ['north', 'south']) {
      files.push(at(`${agent}-head.safetensors`));
      const data = ['--task', text, '--data', at(`${agent}.jsonl`), '--agent', agent];
      await json('head-stats', ...fused, ...data, '--out', files.at(-1) as string, ...threads);
    }
    const report = await json(
      'head',
      ...files,
      ...fused,
      '--out',
      at('fitted'),
      '--ridge',
      '0.1',
      ...threads,
    );
    expect(report).toMatchObject({
      layer: 'classifier',
      ridge: 0.1,
      agents: [
        { agent: 'north', examples: 64, rows: 64 },
        { agent: 'south', examples: 64, rows: 64 },
      ],
    });
    const written = JSON.parse(await readFile(at('fitted', 'merge-report.json'), 'utf8'));
    expect(written.head).toEqual(report);
    const [before, after] = [await readWeights(at('fused')), await readWeights(at('fitted'))];
    for (const [name, { data }] of before) {
      expect(
        after.get(name)?.data.every((value, i) => value === data[i]),
        name,
      ).toBe(!/^classifier/.test(name));
    }
    expect(await readFile(at('fitted', 'README.md'), 'utf8')).toContain('is the ridge regression (0.1)');
    const told = await runCommand([
      ...['evaluate', '--model', at('fitted'), '--task', text, '--data', at('test.jsonl'), ...threads],
    ]);
    expect(told, told.stderr).toMatchObject({ code: 0 });
  });

  it('chooses coefficients and alpha on validation data', async () => {
    const { code, stdout, stderr } = await runCommand([
      ...['merge', at('north'), at('south'), '--out', at('searched')],
      ...['--validation', at('test.jsonl'), '--trials', '3', '--alpha', '0.1,0.9', ...threads],
    ]);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(
      /coefficients: north 0\.\d+, south 0\.\d+, alpha 0\.\d: accuracy .* the best of 6/,
    );
    const refused = await runCommand([
      'merge',
      at('north'),
      at('south'),
      '--out',
      at('x'),
      '--alpha',
      '0.1,0.9',
    ]);
    expect(refused).toMatchObject({ code: 2 });
    expect(refused.stderr).toContain('--alpha: several are tried with --validation only, got 0.1, 0.9');
  });

  it('unites classes by name, in whatever order agents have them, and scores them all', async () => {
    const { stdout } = await runCommand(['merge', at('two'), at('other'), '--out', at('united'), ...threads]);
    expect(stdout).toContain('class warm: from two\nclass mild: from other\n');
    const data = await writeRows(at('both.jsonl'), [...toyRows(multi, 20, 6), ...tempered(20, 7)]);
    const scores = await json(
      ...[
        'evaluate',
        '--model',
        at('united'),
        at('two'),
        '--task',
        multi,
        '--data',
        data,
        '--ensemble',
        ...threads,
      ],
    );
    expect(scores).toMatchObject([{ model: at('united') }, { model: at('two') }, { model: 'ensemble' }]);
    const same = await json('merge', at('north'), at('south'), '--out', at('turned'), '--method', 'simple');
    expect(same).toMatchObject({ labels: ['cold', 'warm'] });
  });

  it('keeps heads of different tasks apart; each predicts as its model folder', async () => {
    const refused = await runCommand(['merge', at('north'), at('tags'), '--out', at('apart')]);
    expect(refused.stderr).toContain('with --heads separate the encoder is merged');
    await json('merge', at('north'), at('tags'), '--out', at('apart'), '--heads', 'separate');
    for (const [agent, task, data] of [
      ['north', text, 'test.jsonl'],
      ['tags', 'token-classification', 'tags.jsonl'],
    ] as const) {
      const byHand = at(`${agent}-by-hand`);
      await cp(at(`${agent}-model`), byHand, { recursive: true });
      const fused = await readWeights(at('apart'));
      await changeWeights(byHand, (name, tensor) => fused.get(name) ?? tensor);
      const predict = async (model: string): Promise<string> => {
        const out = at(`${agent}-predictions.jsonl`);
        const args = ['--model', model, '--task', task, '--data', at(data), '--out', out];
        expect((await runCommand(['predict', ...args, ...threads])).code).toBe(0);
        return readFile(out, 'utf8');
      };
      const predicted = await predict(at('apart', 'heads', agent));
      expect(predicted).toBe(await predict(byHand));
      expect(predicted).not.toBe(await predict(at(`${agent}-model`)));
    }
  });

  it('merges after matching neurons', async () => {
    const { code, stdout, stderr } = await runCommand([
      ...['match', at('north'), at('south'), '--task', text, '--out', at('matched'), ...threads],
    ]);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/intermediate\.dense: 32 neurons, [\d.]+ % left in place; mean on the diagonal/);
    await json(
      'merge',
      at('north'),
      at('matched', 'contribution'),
      '--out',
      at('after'),
      '--method',
      'fisher',
    );
    await json('merge', at('north'), at('matched', 'contribution'), '--out', at('after'));
  });
});

describe('regmean stats', () => {
  it('refuses contributions that were changed, also where it searches or matches', async () => {
    await cp(at('south'), at('changed'), { recursive: true });
    const bytes = await readFile(at('changed', 'grams.safetensors'));
    bytes[bytes.length - 1] = 62;
    await writeFile(at('changed', 'grams.safetensors'), bytes);
    for (const args of [
      ['merge', at('north'), at('changed')],
      ['merge', at('north'), at('changed'), '--validation', at('test.jsonl')],
      ['match', at('north'), at('changed'), '--task', text],
    ]) {
      const { code, stderr } = await runCommand([...args, '--out', at('refused')]);
      expect({ code, stderr }).toMatchObject({
        code: 1,
        stderr: expect.stringContaining(
          `${at('changed')}: grams.safetensors does not match contribution.json: it was changed after`,
        ),
      });
    }
  });

  it('writes of Grams what is asked for, and merges it', async () => {
    const stats = (agent: string, ...more: string[]) => [
      ...['stats', '--model', at(`${agent}-model`), '--task', text, '--data', at(`${agent}.jsonl`)],
      ...['--agent', agent, ...more, ...threads],
    ];
    const bytesOf = async (folder: string): Promise<number> =>
      (await stat(at(folder, 'grams.safetensors'))).size;
    await json(...stats('north', '--grams', 'factored', '--rank', '4', '--out', at('north-factored')));
    await json(...stats('south', '--grams', 'factored', '--rank', '4', '--out', at('south-factored')));
    expect(await bytesOf('north-factored')).toBeLessThan(0.7 * (await bytesOf('north')));
    const report = await json('merge', at('north-factored'), at('south-factored'), '--out', at('low-rank'));
    expect(report).toMatchObject({ method: 'regmean', groups: expect.any(Array) });
    await json('merge', at('north-factored'), at('south'), '--out', at('both-forms'));
    const refused = await runCommand(stats('north', '--rank', '4', '--out', at('refused-rank')));
    expect(refused).toMatchObject({ code: 2 });
    expect(refused.stderr).toContain('--rank: must be absent without factored Grams');
  });

  it('collects Fisher information alone, and refuses to collect nothing', async () => {
    const args = [
      'stats',
      '--model',
      at('north-model'),
      '--task',
      text,
      '--data',
      at('north.jsonl'),
      '--no-grams',
    ];
    const only = await json(
      ...args,
      '--out',
      at('only'),
      '--fisher',
      'soft',
      '--fisher-examples',
      '5',
      ...threads,
    );
    expect(only).toMatchObject({ grams: 0, fisherExamples: 5 });
    const nothing = await runCommand([...args, '--out', at('nothing')]);
    expect(nothing).toMatchObject({ code: 2 });
    expect(nothing.stderr).toContain(
      '--no-grams: needs --fisher, --norms or --output-grams, or there is nothing to collect',
    );
    const merged = await runCommand(['merge', at('only'), at('south'), '--out', at('no')]);
    expect(merged.stderr).toContain('has no grams.safetensors');
  });
});
