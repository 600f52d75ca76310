import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadModel } from '../../../shared/formats/load-model.ts';
import { noteSurplus } from '../../../shared/models/surplus-tensors.ts';
import type { TaskKind } from '../../../shared/task.ts';
import { copyModel } from '../../support/copy-model.ts';
import { recordingContext } from '../../support/run-context.ts';
import { torchFixtureFolder } from '../../support/torch-fixture.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-surplus-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A fixture's model with more tensors, perhaps under the names of a bare backbone. */
async function withMore(
  fixture: string,
  more: readonly string[],
  rename = (name: string): string => name,
): Promise<void> {
  await copyModel(torchFixtureFolder(fixture), folder, (tensors) => [
    ...tensors.map(({ name, ...tensor }) => ({ name: rename(name), ...tensor })),
    ...more.map((name) => ({ name, shape: [1], data: Float32Array.of(1) })),
  ]);
}

const layers: readonly [string, TaskKind, string, string][] = [
  ['bert-text-classification', 'text-classification', 'bert.encoder.layer', 'output.dense.weight'],
  ['gpt2-text-classification', 'text-classification', 'transformer.h', 'mlp.c_fc.weight'],
  ['llama-causal-lm', 'causal-lm', 'model.layers', 'mlp.up_proj.weight'],
  ['t5-text2text', 'text2text', 'decoder.block', 'layer.0.SelfAttention.q.weight'],
];

describe('a checkpoint with more layers than config.json counts is refused', () => {
  it.each(layers)('%s', async (fixture, task, list, rest) => {
    await withMore(fixture, [`${list}.7.${rest}`, `${list}.8.${rest}`]);
    await expect(loadModel(folder, { task })).rejects.toThrow(
      new RegExp(`config.json: ${list}.7.${rest} has no place, config.json says \\d layers in ${list}$`),
    );
  });

  it('under the names of a bare backbone too', async () => {
    const bare = (name: string): string => name.replace(/^bert\./, '');
    await withMore('bert-text-classification', ['encoder.layer.7.output.dense.bias'], bare);
    await expect(loadModel(folder, { task: 'text-classification', headSeed: 1 })).rejects.toThrow(
      'encoder.layer.7.output.dense.bias has no place, config.json says 2 layers in bert.encoder.layer',
    );
  });
});

describe('a bias that config.json does not speak of', () => {
  it('is refused beside the weight of a layer', async () => {
    const name = 'model.layers.0.self_attn.o_proj.bias';
    await withMore('llama-causal-lm', [name]);
    await expect(loadModel(folder, { task: 'causal-lm' })).rejects.toThrow(
      `${folder}: weights must fit config.json: ${name} has no place, config.json says that model.layers.0.self_attn.o_proj has no bias`,
    );
  });

  it('is only told beside a head that begins anew', async () => {
    await withMore('qwen2-multi-label-classification', ['score.bias']);
    const request = { task: 'text-classification', classes: ['a', 'b'], headSeed: 1 } as const;
    expect((await loadModel(folder, request)).surplus).toEqual(['score.bias']);
  });

  it("is only told where it is a copy: the masked language model's decoder, GPT-2's buffers", async () => {
    await withMore('gpt2-causal-lm', ['transformer.h.0.attn.bias', 'transformer.h.0.attn.masked_bias']);
    expect((await loadModel(folder, { task: 'causal-lm' })).surplus).toEqual([]);
  });
});

it('relative positions of a later block are only told', async () => {
  const name = 'encoder.block.1.layer.0.SelfAttention.relative_attention_bias.weight';
  await withMore('t5-text2text', [name]);
  expect((await loadModel(folder, { task: 'text2text' })).surplus).toEqual([name]);
});

it('noteSurplus shortens long lists', () => {
  const context = recordingContext();
  for (const surplus of [[], ['a', 'b'], [...'abcdefghij']]) {
    noteSurplus({ model: 'base', task: 'causal-lm', surplus }, context);
  }
  expect(context.notes).toEqual([
    'base: not used by causal-lm: a, b',
    'base: not used by causal-lm: a, b, c, d, e, f, g, h, and 2 more',
  ]);
});
