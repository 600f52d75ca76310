import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadModel } from '../../../shared/formats/load-model.ts';
import { withModel } from '../../../shared/formats/open-model.ts';
import { architectureOf } from '../../../shared/models/registry.ts';
import type { TaskKind } from '../../../shared/task.ts';
import { copyModel } from '../../support/copy-model.ts';
import { torchFixtureFolder } from '../../support/torch-fixture.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-spellings-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const families: readonly (readonly [string, TaskKind])[] = [
  ['albert-text-classification', 'text-classification'],
  ['bert-masked-lm', 'masked-lm'],
  ['bert-text-classification', 'text-classification'],
  ['deberta-v2-token-classification', 'token-classification'],
  ['distilbert-text-classification', 'text-classification'],
  ['electra-text-classification', 'text-classification'],
  ['gpt2-causal-lm', 'causal-lm'],
  ['gpt2-text-classification', 'text-classification'],
  ['llama-causal-lm', 'causal-lm'],
  ['modernbert-text-classification', 'text-classification'],
  ['mpnet-text-classification', 'text-classification'],
  ['qwen3-token-classification', 'token-classification'],
  ['roberta-masked-lm', 'masked-lm'],
  ['t5-text2text', 'text2text'],
];

const spellings: Readonly<Record<string, (name: string, backbone: string) => string>> = {
  'without the name of the backbone': (name, backbone) =>
    backbone !== '' && name.startsWith(backbone) ? name.slice(backbone.length) : name,
  'under module.': (name) => `module.${name}`,
  'under _orig_mod.': (name) => `_orig_mod.${name}`,
  'under module._orig_mod., without the name of the backbone': (name, backbone) =>
    `module._orig_mod.${backbone !== '' && name.startsWith(backbone) ? name.slice(backbone.length) : name}`,
  'under _orig_mod.module.': (name) => `_orig_mod.module.${name}`,
  'with wrapped blocks': (name) =>
    name.replace(/\.(\d+)\./, '.$1._orig_mod.').replace(/\.(\d+)\./, '.$1._checkpoint_wrapped_module.'),
  'with gamma and beta': (name) =>
    name.replace(/LayerNorm\.weight$/, 'LayerNorm.gamma').replace(/LayerNorm\.bias$/, 'LayerNorm.beta'),
};

/** Everything that is asked of an open model. */
async function contentOf(path: string, task: TaskKind) {
  const { model, surplus } = await loadModel(path, { task });
  const open = await withModel(path, async (own) => ({
    names: [...own.weights.tensors.keys()].sort(),
    fingerprint: await own.fingerprint(),
  }));
  return { weights: model.weights, surplus, ...open };
}

describe.each(families)('%s', (fixture, task) => {
  const original = torchFixtureFolder(fixture);

  it.each(Object.keys(spellings))('is the same model %s', async (spelling) => {
    const { config } = await withModel(original, async (own) => own);
    const { backboneName } = architectureOf(config.json.model_type);
    const backbone = backboneName === '' ? '' : `${backboneName}.`;
    await copyModel(original, folder, (tensors) =>
      tensors.map(({ name, ...tensor }) => ({
        name: spellings[spelling]?.(name, backbone) ?? name,
        ...tensor,
      })),
    );
    expect(await contentOf(folder, task)).toEqual(await contentOf(original, task));
  });
});

it('a name that is there is not given to another tensor', async () => {
  const fixture = torchFixtureFolder('bert-text-classification');
  const data = new Float32Array(16).fill(3);
  await copyModel(fixture, folder, (tensors) => [
    { name: 'embeddings.LayerNorm.weight', shape: [16], data },
    ...tensors,
  ]);
  const whole = (await loadModel(fixture, { task: 'text-classification' })).model;
  const { model, surplus } = await loadModel(folder, { task: 'text-classification' });
  expect(model.weights).toEqual(whole.weights);
  expect(surplus).toEqual(['embeddings.LayerNorm.weight']);
});

describe('a family that is not known', () => {
  const names = async (stored: readonly string[]): Promise<readonly string[]> => {
    await copyModel(torchFixtureFolder('bert-text-classification'), folder, () =>
      stored.map((name) => ({ name, shape: [1], data: Float32Array.of(1) })),
    );
    const { writeFile } = await import('node:fs/promises');
    await writeFile(join(folder, 'config.json'), '{"model_type": "custom"}');
    return withModel(folder, async ({ weights }) => [...weights.tensors.keys()].sort());
  };

  it('loses the names of wrappers too; module. only where the whole model is wrapped', async () => {
    expect(await names(['module.a.weight', 'module.b._orig_mod.weight'])).toEqual(['a.weight', 'b.weight']);
    expect(await names(['module.a.weight', 'b.weight'])).toEqual(['b.weight', 'module.a.weight']);
  });
});
