import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createModel, saveModel } from '../../shared/models/model-folder.ts';
import { openLayersModel, writeLayersModel } from '../../shared/tensorflow/layers-model.ts';
import { tinyT5 } from '../support/tiny-language-models.ts';
import { writeTinyLayersModel } from '../support/tiny-layers-model.ts';
import { toyRows, writeRows } from '../support/tiny-model.ts';
import { runCommand, startCommand, startMerger, stopAllCommands } from '../support/wire-process.ts';

let folder: string;
const at = (...names: string[]): string => join(folder, ...names);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-wire-models-'));
});
afterEach(stopAllCommands);
afterAll(() => rm(folder, { recursive: true, force: true }));

/**
 * Bases of kinds that are not BERT: how each is made, its task, and what the fused folder holds
 * beside the weights.
 */
const kinds = [
  {
    kind: 't5',
    task: 'text2text',
    file: 'config.json',
    async writeBase(target: string) {
      await mkdir(target);
      await saveModel(target, createModel({ ...tinyT5, vocab_size: 12 }, 'text2text', [], 3));
    },
  },
  {
    kind: 'onnx',
    task: 'text-classification',
    file: 'model.onnx',
    async writeBase(target: string) {
      const source = fileURLToPath(new URL('../fixtures/onnx/encoder.onnx', import.meta.url));
      const data = await writeRows(at('onnx-first.jsonl'), toyRows('text-classification', 8, 7));
      const flags = ['--task', 'text-classification', '--train', data, '--epochs', '1', '--out', target];
      expect((await runCommand(['train', '--model', source, ...flags])).code).toBe(0);
      await rm(join(target, 'training.json'));
    },
  },
  {
    kind: 'tensorflow-js',
    task: 'text-classification',
    file: 'weights.bin',
    async writeBase(target: string) {
      const { json, weights } = await openLayersModel(await writeTinyLayersModel(at('plain')));
      await mkdir(target);
      await writeLayersModel(target, json, weights);
    },
  },
] as const;

describe('a round over the network', () => {
  it.each(kinds)('with a base of the kind $kind', async ({ kind, task, file, writeBase }) => {
    await writeBase(at(`${kind}-base`));
    const template = 'additional_chat_templates/tool_use.jinja';
    await mkdir(dirname(at(`${kind}-base`, template)));
    await writeFile(at(`${kind}-base`, template), 'a template');
    const labels = task === 'text2text' ? [] : ['labels: [cold, warm]'];
    const recipe = [
      'name: kinds',
      `base: ./${kind}-base`,
      `task: ${task}`,
      ...labels,
      'agents: [north, south]',
      'training: { epochs: 1 }',
      // Reads the base's values.
      'merge: { scale: 1.1 }',
    ];
    await writeFile(at(`${kind}.yaml`), `${recipe.join('\n')}\n`);
    const merger = await startMerger(at(`${kind}.yaml`), at(`${kind}-store`), ['--plaintext']);
    const running = [];
    for (const [seed, agent] of ['north', 'south'].entries()) {
      const rows = toyRows('text-classification', 12, seed);
      const own = task === 'text2text' ? rows.map(({ input_ids }) => ({ input_ids, labels: [5, 1] })) : rows;
      const data = await writeRows(at(`${kind}-${agent}.jsonl`), own);
      const folders = ['--work', at(`${kind}-${agent}-work`), '--out', at(`${kind}-${agent}`)];
      running.push(
        startCommand([
          'agent',
          'run',
          '--name',
          agent,
          '--server',
          merger.address,
          '--plaintext',
          '--train',
          data,
          ...folders,
        ]),
      );
    }
    for (const agent of running) {
      const { code, stderr } = await agent.result;
      expect(code, stderr).toBe(0);
    }
    expect(await readdir(at(`${kind}-north`))).toEqual(expect.arrayContaining(['model.safetensors', file]));
    const kept = await readdir(at(`${kind}-store`), { recursive: true });
    expect(kept.filter((name) => name.endsWith(`merged/${template}`))).toHaveLength(1);
    const data = ['--data', at(`${kind}-north.jsonl`), '--out', at(`${kind}.jsonl`)];
    const predicted = await runCommand(['predict', '--model', at(`${kind}-south`), '--task', task, ...data]);
    expect(predicted.code, predicted.stderr).toBe(0);
  });
});
