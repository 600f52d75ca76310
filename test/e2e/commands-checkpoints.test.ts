import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createModel, saveModel } from '../../shared/models/model-folder.ts';
import { openSafetensors } from '../../shared/safetensors/open-safetensors.ts';
import { type TensorToWrite, writeSafetensors } from '../../shared/safetensors/write-safetensors.ts';
import { randomTensor, writeAdapter } from '../support/adapter-folder.ts';
import { tinyConfig, toyRows, writeRows } from '../support/tiny-model.ts';
import { runCommand } from '../support/wire-process.ts';

const task = 'text-classification';
const same = ['--task', task, '--threads', '1'];
let folder: string;
const at = (...names: string[]): string => join(folder, ...names);

async function run(...args: string[]): Promise<void> {
  const { code, stderr } = await runCommand(args);
  expect(code, stderr).toBe(0);
}

/**
 * Contributes a model for each agent, merges them and predicts with the result.
 *
 * @param flags of contributing and merging
 */
async function mergeModels(name: string, models: readonly string[], ...flags: string[]): Promise<void> {
  const contributions: string[] = [];
  for (const [index, model] of models.entries()) {
    const out = at(`${name}-contribution-${index}`);
    await run(
      'stats',
      '--model',
      model,
      ...same,
      '--data',
      at('rows.jsonl'),
      '--out',
      out,
      '--agent',
      `agent-${index}`,
      ...flags,
    );
    contributions.push(out);
  }
  await run('merge', ...contributions, '--out', at(`${name}-fused`), ...flags);
  await run(
    'predict',
    '--model',
    at(`${name}-fused`),
    ...same,
    '--data',
    at('rows.jsonl'),
    '--out',
    at(`${name}.jsonl`),
  );
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-checkpoints-'));
  await writeRows(at('rows.jsonl'), toyRows(task, 16, 1));
  await mkdir(at('base'));
  await saveModel(at('base'), createModel(tinyConfig, task, ['cold', 'warm'], 5));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The base in shards whose tensors have other element types. */
async function writeShards(target: string): Promise<void> {
  await mkdir(target);
  const file = await openSafetensors(at('base/model.safetensors'));
  const names = [...file.tensors.keys()];
  const shards: [string, TensorToWrite[]][] = [
    ['model-00001-of-00002.safetensors', []],
    ['model-00002-of-00002.safetensors', []],
  ];
  const weightMap: Record<string, string> = {};
  for (const [index, name] of names.entries()) {
    const [shard, tensors] = shards[index % 2] as (typeof shards)[number];
    const { shape, data } = await file.readFloat32(name);
    tensors.push({ name, shape, data, dtype: index % 3 === 0 ? 'BF16' : 'F16' });
    weightMap[name] = shard;
  }
  await file.close();
  for (const [shard, tensors] of shards) await writeSafetensors(join(target, shard), tensors);
  await writeFile(join(target, 'model.safetensors.index.json'), JSON.stringify({ weight_map: weightMap }));
  await writeFile(join(target, 'config.json'), await readFile(at('base/config.json')));
}

/** What sentence-transformers writes beside a model, and chat templates. */
const besides = [
  '1_Pooling/config.json',
  'additional_chat_templates/tool_use.jinja',
  'config_sentence_transformers.json',
  'modules.json',
  'sentence_bert_config.json',
];

describe('checkpoints as they come from elsewhere', () => {
  it('in shards of bfloat16 and float16: fine-tuned, contributed as they are, merged', async () => {
    await writeShards(at('sharded'));
    for (const path of besides) {
      await mkdir(dirname(at('sharded', path)), { recursive: true });
      await writeFile(at('sharded', path), path);
    }
    await run(
      'train',
      '--model',
      at('sharded'),
      ...same,
      '--train',
      at('rows.jsonl'),
      '--out',
      at('tuned'),
      '--epochs',
      '1',
    );
    await mergeModels('sharded', [at('tuned'), at('sharded')], '--base', at('sharded'));
    for (const path of besides) {
      const made = ['tuned', 'sharded-fused'].map((name) => readFile(at(name, path), 'utf8'));
      expect(await Promise.all(made)).toEqual([path, path]);
    }
    const contributed = await readdir(at('sharded-contribution-0'), { recursive: true });
    expect(contributed.filter((name) => besides.includes(name))).toEqual([]);
  });

  it('as LoRA adapters of two agents', async () => {
    const query = 'bert.encoder.layer.0.attention.self.query';
    for (const [seed, agent] of ['north', 'south'].entries()) {
      const tensors = {
        [`${query}.lora_A.weight`]: randomTensor([2, 16], seed + 1),
        [`${query}.lora_B.weight`]: randomTensor([16, 2], seed + 3),
        'classifier.weight': randomTensor([2, 16], seed + 5),
      };
      await writeAdapter(at(`${agent}-lora`), tensors, {
        target_modules: ['query'],
        modules_to_save: ['classifier'],
      });
      const made = ['--base', at('base'), '--labels', 'cold,warm', '--out', at(agent)];
      await run('adapter', '--model', at(`${agent}-lora`), '--task', task, ...made);
    }
    await mergeModels('lora', [at('north'), at('south')]);
    const { code, stderr } = await runCommand([
      'predict',
      '--model',
      at('north-lora'),
      ...same,
      '--data',
      at('rows.jsonl'),
      '--out',
      at('x.jsonl'),
    ]);
    expect(code).toBe(2);
    expect(stderr).toContain('--base: needed: the folder of the base model');
  });
});
