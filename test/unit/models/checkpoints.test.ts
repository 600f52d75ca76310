/**
 * @file Families load what is published of them: checkpoints of pretraining, whose heads are
 *   others, and of the bare backbone.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadModel } from '../../../shared/formats/load-model.ts';
import type { Model } from '../../../shared/models/model-folder.ts';
import { architectureOf, modelTypes } from '../../../shared/models/registry.ts';
import type { TaskKind } from '../../../shared/task.ts';
import { copyModel } from '../../support/copy-model.ts';
import { torchFixtureFolder } from '../../support/torch-fixture.ts';

/** What a family's checkpoints hold beside the parameters of its backbone. */
interface Published {
  /** A fixture of the family, and the task that it is loaded for. */
  readonly fixture: string;
  readonly task: TaskKind;
  /** Heads of pretraining that the user is told are not used. */
  readonly told: readonly string[];
  /** Heads, copies and buffers that nobody needs to know of. */
  readonly ignored: readonly string[];
}

const lmHead = ['lm_head.bias', 'lm_head.dense.weight'];
const published: Readonly<Record<string, Published>> = {
  bert: {
    fixture: 'bert-text-classification',
    task: 'text-classification',
    told: ['cls.predictions.bias', 'cls.predictions.transform.dense.weight', 'cls.seq_relationship.weight'],
    ignored: ['cls.predictions.decoder.weight', 'bert.embeddings.position_ids'],
  },
  roberta: {
    fixture: 'roberta-text-classification',
    task: 'text-classification',
    told: lmHead,
    ignored: ['lm_head.decoder.weight', 'roberta.embeddings.position_ids', 'roberta.pooler.dense.weight'],
  },
  'xlm-roberta': {
    fixture: 'xlm-roberta-token-classification',
    task: 'token-classification',
    told: lmHead,
    ignored: ['lm_head.decoder.weight', 'roberta.embeddings.position_ids', 'roberta.pooler.dense.bias'],
  },
  distilbert: {
    fixture: 'distilbert-text-classification',
    task: 'text-classification',
    told: ['vocab_transform.weight', 'vocab_layer_norm.weight', 'vocab_projector.bias'],
    ignored: ['vocab_projector.weight'],
  },
  'deberta-v2': {
    fixture: 'deberta-v2-text-classification',
    task: 'text-classification',
    told: [],
    ignored: [
      'lm_predictions.lm_head.bias',
      'mask_predictions.dense.weight',
      'deberta.embeddings.position_ids',
    ],
  },
  electra: {
    fixture: 'electra-text-classification',
    task: 'text-classification',
    told: [],
    ignored: ['discriminator_predictions.dense.weight', 'electra.embeddings.position_ids'],
  },
  albert: {
    fixture: 'albert-text-classification',
    task: 'text-classification',
    told: [],
    ignored: [
      'predictions.dense.weight',
      'sop_classifier.classifier.weight',
      'albert.embeddings.position_ids',
    ],
  },
  mpnet: {
    fixture: 'mpnet-text-classification',
    task: 'text-classification',
    told: [],
    ignored: [...lmHead, 'mpnet.pooler.dense.weight', 'mpnet.embeddings.position_ids'],
  },
  gpt2: {
    fixture: 'gpt2-text-classification',
    task: 'text-classification',
    told: [],
    ignored: ['lm_head.weight', 'transformer.h.0.attn.bias', 'transformer.h.1.attn.masked_bias'],
  },
  llama: llamaLike('llama-causal-lm', 'text-classification'),
  mistral: llamaLike('mistral-text-classification', 'text-classification'),
  qwen2: llamaLike('qwen2-multi-label-classification', 'multi-label-classification'),
  qwen3: llamaLike('qwen3-token-classification', 'token-classification'),
  modernbert: {
    fixture: 'modernbert-text-classification',
    task: 'text-classification',
    told: ['decoder.bias'],
    ignored: ['decoder.weight'],
  },
};

function llamaLike(fixture: string, task: TaskKind): Published {
  return {
    fixture,
    task,
    told: [],
    ignored: ['lm_head.weight', 'model.layers.0.self_attn.rotary_emb.inv_freq'],
  };
}

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-checkpoint-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('there is a checkpoint of every family whose backbone has a name', () => {
  const named = modelTypes.filter((modelType) => architectureOf(modelType).backboneName !== '');
  expect(Object.keys(published).sort()).toEqual([...named].sort());
});

it("ModernBERT's head goes on from the one of pretraining", async () => {
  const fixture = torchFixtureFolder('modernbert-text-classification');
  await copyModel(fixture, folder, (tensors) =>
    tensors.filter(({ name }) => !name.startsWith('classifier.')),
  );
  const request = { task: 'text-classification', classes: ['a', 'b'], headSeed: 1 } as const;
  const { model, initialized } = await loadModel(folder, request);
  const whole = (await loadModel(fixture, { task: 'text-classification' })).model;
  expect(initialized).toEqual(['classifier.weight', 'classifier.bias']);
  expect(model.weights.get('head.dense.weight')).toEqual(whole.weights.get('head.dense.weight'));
});

describe.each(Object.entries(published))('%s', (modelType, { fixture, task, told, ignored }) => {
  const prefix = `${architectureOf(modelType).backboneName}.`;
  const isInBackbone = (name: string): boolean => name.startsWith(prefix);
  const request = { task, classes: ['a', 'b', 'c'], headSeed: 1 };
  const extra = { shape: [2], data: Float32Array.of(1, 2) };

  async function expectBackbone(initialized: readonly string[], model: Model): Promise<void> {
    const whole = (await loadModel(torchFixtureFolder(fixture), request)).model;
    expect([...model.weights.keys()]).toEqual([...whole.weights.keys()]);
    for (const name of [...whole.weights.keys()].filter(isInBackbone)) {
      expect(model.weights.get(name), name).toEqual(whole.weights.get(name));
    }
    expect(initialized).toEqual([...whole.weights.keys()].filter((name) => !isInBackbone(name)));
  }

  it('begins a new head on a checkpoint of pretraining', async () => {
    await copyFixture((name) => (isInBackbone(name) ? name : null), [...told, ...ignored]);
    const { model, initialized, surplus } = await loadModel(folder, request);
    expect([...surplus].sort()).toEqual([...told].sort());
    await expectBackbone(initialized, model);
  });

  it('begins a new head on a checkpoint of the bare backbone', async () => {
    const bare = (name: string): string => name.slice(prefix.length);
    await copyFixture(
      (name) => (isInBackbone(name) ? bare(name) : null),
      ignored.filter(isInBackbone).map(bare),
    );
    const { model, initialized, surplus } = await loadModel(folder, request);
    expect(surplus).toEqual([]);
    await expectBackbone(initialized, model);
  });

  /** The fixture's model under other names, with more tensors. */
  function copyFixture(rename: (name: string) => string | null, more: readonly string[]): Promise<void> {
    return copyModel(torchFixtureFolder(fixture), folder, (tensors) => [
      ...tensors.flatMap(({ name, ...tensor }) => {
        const renamed = rename(name);
        return renamed === null ? [] : [{ name: renamed, ...tensor }];
      }),
      ...more.map((name) => ({ name, ...extra })),
    ]);
  }
});
