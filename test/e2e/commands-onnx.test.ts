import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as ort from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toyRows, writeRows } from '../support/tiny-model.ts';
import { runCommand } from '../support/wire-process.ts';

const task = 'text-classification';
const threads = ['--threads', '1'];
let folder: string;
const at = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-onnx-'));
  for (const name of ['encoder', 'recurrent']) {
    await copyFile(
      fileURLToPath(new URL(`../fixtures/onnx/${name}.onnx`, import.meta.url)),
      at(`${name}.onnx`),
    );
  }
  for (const [index, agent] of ['north', 'south'].entries()) {
    await writeRows(at(`${agent}.jsonl`), toyRows(task, 24, index));
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function run(...args: string[]): Promise<string> {
  const { code, stderr } = await runCommand(args);
  expect(code, stderr).toBe(0);
  return stderr;
}

describe('two agents with a network that nobody here has heard of, from its ONNX file alone', () => {
  it('fine-tune, contribute, merge and predict; ONNX Runtime opens the fused model.onnx and agrees', async () => {
    for (const agent of ['north', 'south']) {
      const [data, model] = [at(`${agent}.jsonl`), at(`${agent}-model`)];
      const common = ['--task', task, ...threads];
      await run(
        'train',
        '--model',
        at('encoder.onnx'),
        '--train',
        data,
        '--out',
        model,
        '--epochs',
        '1',
        ...common,
      );
      await run('stats', '--model', model, '--data', data, '--out', at(agent), '--agent', agent, ...common);
    }
    const fused = at('fused');
    await run('merge', at('north'), at('south'), '--out', fused);
    await run(
      'predict',
      '--model',
      fused,
      '--task',
      task,
      '--data',
      at('north.jsonl'),
      '--out',
      at('out.jsonl'),
    );
    await run('evaluate', '--model', fused, at('north-model'), '--task', task, '--data', at('north.jsonl'));

    const report = JSON.parse(await readFile(join(fused, 'merge-report.json'), 'utf8'));
    expect(JSON.stringify(report)).toContain('attention.query');
    const predictions = (await readFile(at('out.jsonl'), 'utf8')).trim().split('\n');
    const rows = toyRows(task, 24, 0);
    const session = await ort.InferenceSession.create(join(fused, 'model.onnx'));
    for (const [index, { input_ids }] of rows.slice(0, 4).entries()) {
      const tensor = (fill: (id: number) => number): ort.Tensor =>
        new ort.Tensor(
          'int64',
          BigInt64Array.from(input_ids, (id) => BigInt(fill(id))),
          [1, input_ids.length],
        );
      const { logits } = await session.run({
        input_ids: tensor((id) => id),
        attention_mask: tensor(() => 1),
        token_type_ids: tensor(() => 0),
      });
      const predicted: number[] = JSON.parse(predictions[index] ?? '{}').logits;
      for (const [column, value] of predicted.entries()) {
        expect(Number(logits?.data[column])).toBeCloseTo(value, 5);
      }
    }
  });

  it('contribute without training what has no gradient, from the file itself', async () => {
    for (const agent of ['north', 'south']) {
      const file = at('recurrent.onnx');
      const data = ['--task', task, '--data', at(`${agent}.jsonl`), '--base', file];
      await run(
        'stats',
        '--model',
        file,
        ...data,
        '--out',
        at(`fixed-${agent}`),
        '--agent',
        agent,
        ...threads,
      );
    }
    const scaled = ['--scale', '1.5', '--base', at('recurrent.onnx')];
    await run('merge', at('fixed-north'), at('fixed-south'), '--out', at('fixed'), ...scaled);
    await run(
      'predict',
      '--model',
      at('fixed'),
      '--task',
      task,
      '--data',
      at('north.jsonl'),
      '--out',
      at('a.jsonl'),
    );
    await run(
      'predict',
      '--model',
      at('recurrent.onnx'),
      '--task',
      task,
      '--data',
      at('north.jsonl'),
      '--out',
      at('b.jsonl'),
    );
    const logits = async (file: string): Promise<number[]> =>
      (await readFile(at(file), 'utf8'))
        .trim()
        .split('\n')
        .flatMap((line) => JSON.parse(line).logits);
    const [merged, original] = [await logits('a.jsonl'), await logits('b.jsonl')];
    for (const [index, value] of original.entries()) expect(merged[index]).toBeCloseTo(value, 4);
  });

  it('are told of what cannot be trained, and of labels that the head has no outputs for', async () => {
    const train = ['train', '--task', task, '--train', at('north.jsonl'), '--out', at('never'), ...threads];
    const recurrent = await runCommand([...train, '--model', at('recurrent.onnx')]);
    expect(recurrent.code).toBe(1);
    expect(recurrent.stderr).toContain('LSTM (/window/LSTM) has no gradient rule');
    expect(recurrent.stderr).toContain('--freeze');
    const labels = await runCommand([...train, '--model', at('encoder.onnx'), '--labels', 'warm,cold,mild']);
    expect(labels.code).toBe(2);
    expect(labels.stderr).toContain('has 2 outputs, got 3 classes');
  });
});
