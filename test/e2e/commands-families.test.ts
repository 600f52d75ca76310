import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createModel, saveModel } from '../../shared/models/model-folder.ts';
import { tinyConfig, toyRows, writeRows } from '../support/tiny-model.ts';
import { runCommand } from '../support/wire-process.ts';

const task = 'text-classification';
const threads = ['--threads', '1'];
let folder: string;
const at = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-families-'));
  for (const [index, agent] of ['north', 'south'].entries()) {
    await writeRows(at(`${agent}.jsonl`), toyRows(task, 24, index));
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function run(...args: string[]): Promise<void> {
  const { code, stderr } = await runCommand(args);
  expect(code, stderr).toBe(0);
}

describe('two agents of a model family fine-tune, contribute, merge and predict', () => {
  it.each([
    ['xlm-roberta', { pad_token_id: 1, max_position_embeddings: 16, type_vocab_size: 1 }],
    ['electra', { embedding_size: 8 }],
    ['albert', { embedding_size: 8, num_hidden_layers: 3 }],
    ['mpnet', { pad_token_id: 1, max_position_embeddings: 16, relative_attention_num_buckets: 4 }],
    ['gpt2', { n_embd: 16, n_layer: 1, n_head: 2, n_positions: 12 }],
    ['llama', { num_key_value_heads: 1, rope_theta: 100 }],
    ['mistral', { num_key_value_heads: 1, sliding_window: 12 }],
    ['qwen2', { num_key_value_heads: 1 }],
    [
      'deberta-v2',
      { relative_attention: true, pos_att_type: 'p2c|c2p', position_buckets: 4, conv_kernel_size: 3 },
    ],
  ])('%s', async (family, changes) => {
    const base = at(`${family}-base`);
    await mkdir(base);
    await saveModel(
      base,
      createModel({ ...tinyConfig, model_type: family, ...changes }, task, ['a', 'b'], 5),
    );
    for (const agent of ['north', 'south']) {
      const [data, model] = [at(`${agent}.jsonl`), at(`${family}-${agent}-model`)];
      await run(
        'train',
        '--model',
        base,
        '--task',
        task,
        '--train',
        data,
        '--out',
        model,
        '--epochs',
        '1',
        ...threads,
      );
      const out = at(`${family}-${agent}`);
      await run(
        'stats',
        '--model',
        model,
        '--task',
        task,
        '--data',
        data,
        '--out',
        out,
        '--agent',
        agent,
        ...threads,
      );
    }
    const fused = at(`${family}-fused`);
    await run('merge', at(`${family}-north`), at(`${family}-south`), '--out', fused);
    await run(
      'predict',
      '--model',
      fused,
      '--task',
      task,
      '--data',
      at('north.jsonl'),
      '--out',
      at(`${family}.jsonl`),
    );
  });
});
