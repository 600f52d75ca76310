import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openContribution } from '../../../shared/contribution/open-contribution.ts';
import { validateContribution } from '../../../shared/contribution/validate-contribution.ts';
import { writeContribution } from '../../../shared/contribution/write-contribution.ts';
import type { Gram } from '../../../shared/contribution/write-grams.ts';
import { createModel, saveModel } from '../../../shared/models/model-folder.ts';
import { modelWriter } from '../../support/model-writer.ts';
import { tinyGpt2, tinyLlama } from '../../support/tiny-language-models.ts';

let folder: string;
let count = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-output-gram-files-'));
});
afterAll(() => rm(folder, { recursive: true }));

const gram = (name: string, dimension: number, ...packed: number[]): Gram => ({
  ...{ name, dimension, rows: 5 },
  packed: Float32Array.from({ length: (dimension * (dimension + 1)) / 2 }, (_, at) => packed[at] ?? 0),
});

const gpt2 = { ...tinyGpt2, n_layer: 1, vocab_size: 12 };
const block = 'transformer.h.0';
/** Zeros for every layer; outputs of c_attn and c_fc are not as many as inputs. */
const complete = [
  gram(`${block}.attn.c_attn`, 36),
  gram(`${block}.attn.c_proj`, 12),
  gram(`${block}.mlp.c_fc`, 48),
  gram(`${block}.mlp.c_proj`, 12),
  gram('score', 2),
];

/** A contribution of a classifier whose weights are mostly stored as [in, out]. */
async function contribute(grams: readonly Gram[]): Promise<string> {
  const model = join(folder, `model-${count}`);
  await mkdir(model);
  const labels = ['no', 'yes'];
  await saveModel(model, createModel(gpt2, 'text-classification', labels, 1));
  return write(model, 'text-classification', labels, grams);
}

async function write(
  model: string,
  task: 'text-classification' | 'causal-lm',
  labels: string[],
  grams: readonly Gram[],
): Promise<string> {
  const out = join(folder, `contribution-${count++}`);
  const layers = new Map(grams.map(({ name }) => [name, name]));
  await writeContribution(out, {
    ...{ writeModel: modelWriter(model, task, labels), grams: [], layers: new Map() },
    outputGrams: { grams, layers, weights: new Map(), variant: 'soft', examples: 5 },
    manifest: {
      ...{ agent: 'north', baseFingerprint: '0'.repeat(64), task, labels, metrics: {}, tool: 'test' },
      outputGrams: { variant: 'soft', examples: 5 },
    },
  });
  return out;
}

describe('output-grams.safetensors of a contribution', () => {
  it('is opened with it, under the names of the network', async () => {
    const contribution = await openContribution(await contribute(complete));
    const { outputGrams, grams, manifest } = contribution;
    expect(grams).toBeUndefined();
    expect(manifest?.outputGrams).toEqual({ variant: 'soft', examples: 5 });
    expect(outputGrams?.grams.get('score')).toEqual({ dimension: 2, rows: 5, storage: 'packed' });
    await contribution.close();
  });

  it('has a Gram of every layer, as large as its outputs', async () => {
    const out = await contribute(complete);
    await expect(validateContribution(out, { outputGrams: true })).resolves.toMatchObject({ agent: 'north' });
  });

  it('has none of the head of a language model', async () => {
    const model = join(folder, 'llama');
    await mkdir(model);
    const config = { ...tinyLlama, num_hidden_layers: 1, vocab_size: 12 };
    await saveModel(model, createModel(config, 'causal-lm', [], 1));
    const out = await write(model, 'causal-lm', [], [gram('model.layers.0.mlp.down_proj', 12)]);
    const complaint: unknown = await validateContribution(out, { outputGrams: true }).catch(
      (error: unknown) => error,
    );
    expect(String(complaint)).toContain('Grams of all linear layers must be there, none of');
    expect(String(complaint)).not.toContain('lm_head');
  });

  it.each([
    [
      'without a layer',
      complete.slice(1),
      `Grams of all linear layers must be there, none of ${block}.attn.c_attn`,
    ],
    [
      'as large as inputs are',
      [gram(`${block}.attn.c_attn`, 12), ...complete.slice(1)],
      `Gram ${block}.attn.c_attn of dimension 12 does not fit weight [12, 36] of layer ${block}.attn.c_attn`,
    ],
    ['of no layer', [...complete, gram('stranger', 2)], 'layer stranger has no weight in'],
    [
      'that no gradients have',
      [...complete.slice(0, -1), gram('score', 2, 1, 2, 1)],
      'Gram score: entry [0, 1] must be at most sqrt(g_ii g_jj) = 1, is 2',
    ],
  ])('is refused %s', async (_, grams, message) => {
    const out = await contribute(grams);
    await expect(validateContribution(out, { outputGrams: true })).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringContaining(message),
    });
  });
});
