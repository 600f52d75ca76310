import { describe, expect, it } from 'vitest';
import { loadModel } from '../../../shared/formats/load-model.ts';
import { Graph } from '../../../shared/graph/graph.ts';
import * as ops from '../../../shared/graph/ops/index.ts';
import { findLinearLayers } from '../../../shared/models/linear-layers.ts';
import { buildModelGraph } from '../../../shared/models/model-graph.ts';
import { createSingleTokenSearch } from '../../../shared/models/single-tokens.ts';
import { taskKinds } from '../../../shared/task.ts';
import { torchFixtureFolder } from '../../support/torch-fixture.ts';

/** Names of the Grams of a family's tiny model whose rows are each of a single token. */
async function singleTokens(fixture: string): Promise<readonly string[]> {
  const task = taskKinds.find((kind) => fixture.endsWith(`-${kind}`)) ?? 'text-classification';
  const { model } = await loadModel(torchFixtureFolder(fixture), { task });
  const { groups } = findLinearLayers(buildModelGraph(model, { withLoss: false, dropoutSeed: null }));
  const isOfSingleTokens = createSingleTokenSearch();
  return groups.filter(({ inputs }) => inputs.every(isOfSingleTokens)).map(({ name }) => name);
}

describe('Grams of single tokens', () => {
  it.each([
    ['bert-text-classification', ['bert.encoder.layer.0.attention.self.query']],
    ['deberta-v2-text-classification', ['deberta.encoder.layer.0.attention.self.query_proj']],
    ['distilbert-token-classification', ['distilbert.transformer.layer.0.attention.q_lin']],
    [
      'electra-text-classification',
      ['electra.embeddings_project', 'electra.encoder.layer.0.attention.self.query'],
    ],
    ['albert-text-classification', ['albert.encoder.embedding_hidden_mapping_in']],
    ['modernbert-text-classification', ['model.layers.0.attn.Wqkv']],
    ['mpnet-token-classification', ['mpnet.encoder.layer.0.attention.attn.q']],
    ['gpt2-causal-lm', ['transformer.h.0.attn.c_attn']],
    ['llama-causal-lm', ['model.layers.0.self_attn.q_proj']],
    ['t5-text2text', ['encoder.block.0.layer.0.SelfAttention.k', 'decoder.block.0.layer.0.SelfAttention.k']],
  ])('are those before any attention in %s', async (fixture, expected) => {
    expect(await singleTokens(fixture)).toEqual(expected);
  });

  it('are not those behind a product of two activations, whatever lies between', () => {
    const graph = new Graph();
    const ids = graph.input('ids', 'float32', ['batch', 'seq', 4]);
    const weight = graph.parameter('weight', [4, 4]);
    const isOfSingleTokens = createSingleTokenSearch();
    const scaled = ops.matMul(ids, ops.mul(weight, weight));
    expect(isOfSingleTokens(scaled)).toBe(true);
    const mixed = ops.matMul(scaled, ops.transpose(scaled, [0, 2, 1]));
    expect(isOfSingleTokens(mixed)).toBe(false);
    expect(isOfSingleTokens(ops.mul(mixed, mixed))).toBe(false);
  });
});
