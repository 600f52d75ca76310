import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MergeReport } from '../../merger/merge/merge-report.ts';
import { createModel, saveModel } from '../../shared/models/model-folder.ts';
import { architectureOf, modelTypes } from '../../shared/models/registry.ts';
import { readWeights, tinyConfig, toyRows, writeRows } from '../support/tiny-model.ts';
import { runCommand } from '../support/wire-process.ts';

const task = 'text-classification';
const rowCount = 24;
const agents = ['north', 'south'] as const;

/** How config.json of a tiny model of each family differs from BERT's. */
const families: Readonly<Record<string, object>> = {
  bert: {},
  roberta: { pad_token_id: 1, max_position_embeddings: 16, type_vocab_size: 1 },
  'xlm-roberta': { pad_token_id: 1, max_position_embeddings: 16, type_vocab_size: 1 },
  distilbert: { dim: 16, n_layers: 1, n_heads: 2, hidden_dim: 32 },
  'deberta-v2': {
    relative_attention: true,
    pos_att_type: 'p2c|c2p',
    position_buckets: 4,
    conv_kernel_size: 3,
  },
  electra: { embedding_size: 8 },
  albert: { embedding_size: 8, num_hidden_layers: 3 },
  mpnet: { pad_token_id: 1, max_position_embeddings: 16, relative_attention_num_buckets: 4 },
  modernbert: {
    num_hidden_layers: 2,
    global_attn_every_n_layers: 2,
    local_attention: 4,
    classifier_pooling: 'mean',
  },
  gpt2: { n_embd: 16, n_layer: 1, n_head: 2, n_positions: 12 },
  llama: { num_key_value_heads: 1, rope_theta: 100 },
  mistral: { num_key_value_heads: 1, sliding_window: 12 },
  qwen2: { num_key_value_heads: 1 },
  qwen3: { num_key_value_heads: 1, head_dim: 8 },
};

let folder: string;
const at = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-families-'));
  for (const [index, agent] of agents.entries()) {
    await writeRows(at(`${agent}.jsonl`), toyRows(task, rowCount, index));
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs a command on one thread; it must end well. */
async function run(
  command: string,
  folders: readonly string[],
  options: Readonly<Record<string, string>>,
): Promise<void> {
  const given = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
  const { code, stderr } = await runCommand([command, ...folders, ...given, '--threads', '1']);
  expect(code, stderr).toBe(0);
}

/** Matrices of a model that are no embedding tables: the weights of its linear layers. */
async function linearLayersOf(model: string): Promise<string[]> {
  return [...(await readWeights(model))].flatMap(([name, { shape }]) =>
    shape.length === 2 && !/(embeddings|embed_tokens|wte|wpe|relative_attention_bias)\.weight$/.test(name)
      ? [name.replace(/\.weight$/, '')]
      : [],
  );
}

it('there is a row for every family with a classification head', () => {
  const classifying = modelTypes.filter((modelType) => task in architectureOf(modelType).classNames);
  expect(Object.keys(families).sort()).toEqual(classifying.sort());
});

describe('two agents of a model family fine-tune, contribute, merge and predict', () => {
  it.each(Object.entries(families))('%s', async (family, changes) => {
    const base = at(`${family}-base`);
    const fused = at(`${family}-fused`);
    const predictions = at(`${family}-predictions.jsonl`);
    await mkdir(base);
    const config = { ...tinyConfig, model_type: family, ...changes };
    await saveModel(base, createModel(config, task, ['a', 'b'], 5));

    const contributions = await Promise.all(
      agents.map(async (agent) => {
        const [data, tuned, out] = [
          at(`${agent}.jsonl`),
          at(`${family}-${agent}-tuned`),
          at(`${family}-${agent}`),
        ];
        await run('train', [], { model: base, task, train: data, out: tuned, epochs: '1' });
        await run('stats', [], { model: tuned, task, data, out, agent });
        return out;
      }),
    );
    await run('merge', contributions, { out: fused });
    await run('predict', [], { model: fused, task, data: at('north.jsonl'), out: predictions });

    const report = JSON.parse(await readFile(join(fused, 'merge-report.json'), 'utf8')) as MergeReport;
    const merged = report.groups.flatMap(({ layers }) => layers);
    expect({ method: report.method, layers: merged.sort() }).toEqual({
      method: 'regmean',
      layers: (await linearLayersOf(fused)).sort(),
    });
    const lines = (await readFile(predictions, 'utf8')).trimEnd().split('\n');
    expect(lines).toHaveLength(rowCount);
    for (const line of lines) {
      const { logits } = JSON.parse(line) as { readonly logits: readonly unknown[] };
      expect(logits).toHaveLength(2);
      expect(logits.every(Number.isFinite), line).toBe(true);
    }
  });
});
