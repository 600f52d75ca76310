import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { featureRows, writeFeatureLayersModel, writeFeatureNetwork } from '../support/feature-networks.ts';
import { writeRows } from '../support/tiny-model.ts';
import { runCommand } from '../support/wire-process.ts';

const task = ['--task', 'text-classification', '--threads', '1'];
let folder: string;
const at = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-features-'));
  for (const [seed, agent] of ['north', 'south', 'test'].entries()) {
    await writeRows(at(`${agent}.jsonl`), featureRows(80, seed));
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function run(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCommand(args);
  expect(code, stderr).toBe(0);
  return stdout;
}

describe('two agents with rows of numbers instead of text', () => {
  it.each([
    ['onnx', writeFeatureNetwork],
    ['layers-model', writeFeatureLayersModel],
  ])('fine-tune, contribute, merge, evaluate and predict: %s', async (kind, write) => {
    const base = await write(at(`${kind}-base`));
    for (const agent of ['north', 'south']) {
      const [data, model] = [at(`${agent}.jsonl`), at(`${kind}-${agent}-model`)];
      const training = ['--epochs', '20', '--lr', '0.02', '--batch-size', '8'];
      await run('train', '--model', base, ...task, '--train', data, '--out', model, ...training);
      const out = ['--out', at(`${kind}-${agent}`), '--agent', agent, '--json'];
      const made = JSON.parse(await run('stats', '--model', model, ...task, '--data', data, ...out));
      expect(made).toMatchObject({ grams: 2, linearLayers: 2 });
    }
    const fused = at(`${kind}-fused`);
    await run('merge', at(`${kind}-north`), at(`${kind}-south`), '--out', fused);
    const data = ['--data', at('test.jsonl')];
    const [score] = JSON.parse(await run('evaluate', '--model', fused, ...task, ...data, '--json'));
    expect(score.metrics.accuracy).toBeGreaterThan(0.9);
    await run('predict', '--model', fused, ...task, ...data, '--out', at(`${kind}.jsonl`));
    const lines = (await readFile(at(`${kind}.jsonl`), 'utf8')).trim().split('\n');
    expect(lines).toHaveLength(80);
    expect(JSON.parse(lines[0] ?? '{}')).toEqual({
      logits: [expect.any(Number), expect.any(Number)],
      label: expect.toBeOneOf(['above', 'below']),
    });

    const short = await writeRows(at('short.jsonl'), [{ features: [1, 2], label: 'above' }]);
    const refused = async (file: string): Promise<string> => {
      const out = ['--out', at('never.jsonl')];
      const { code, stderr } = await runCommand([
        'predict',
        '--model',
        fused,
        ...task,
        '--data',
        file,
        ...out,
      ]);
      expect(code).toBe(1);
      return stderr;
    };
    expect(await refused(short)).toContain('row 1: features: must be 3 numbers, got 2');
    const words = await writeRows(at('words.jsonl'), [{ text: 'a text', label: 'above' }]);
    expect(await refused(words)).toContain('needs a column "features", got "text", "label"');
  });
});
