import { describe, expect, it } from 'vitest';
import { bucketOf } from '../../../shared/models/distance-buckets.ts';
import { createModel } from '../../../shared/models/model-folder.ts';
import { buildModelGraph } from '../../../shared/models/model-graph.ts';
import { architectureOf } from '../../../shared/models/registry.ts';
import { createSession, type RunTensor } from '../../../shared/runtime/session.ts';
import { oneThread } from '../../support/run-context.ts';
import '../../support/allclose.ts';

const config = {
  model_type: 'deberta-v2',
  vocab_size: 12,
  hidden_size: 8,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 12,
  max_position_embeddings: 16,
  initializer_range: 0.5,
  relative_attention: true,
  position_buckets: 4,
  norm_rel_ebd: 'layer_norm',
  share_att_key: true,
  pos_att_type: 'p2c|c2p',
  position_biased_input: false,
  conv_kernel_size: 3,
};

describe('the bucket of a distance', () => {
  const large = { buckets: 256, maxDistance: 512, maxLength: 512 };

  it('is the distance itself up to half of the buckets, in both directions', () => {
    for (const distance of [0, 1, 127, 128, -1, -128]) expect(bucketOf(distance, large)).toBe(distance);
  });

  it('is shared by longer distances, more and more of them, and never shrinks', () => {
    const buckets = Array.from({ length: 512 }, (_, distance) => bucketOf(distance, large));
    expect(
      buckets.every((bucket, distance) => distance === 0 || bucket >= (buckets[distance - 1] ?? 0)),
    ).toBe(true);
    expect(buckets.filter((bucket) => bucket === 130)).toHaveLength(1);
    expect(buckets.filter((bucket) => bucket === 254)).toHaveLength(6);
    expect(buckets.at(-1)).toBe(255);
  });

  it('is the same backwards, with the sign turned', () => {
    for (const distance of [129, 200, 300, 511]) {
      expect(bucketOf(-distance, large)).toBe(-bucketOf(distance, large));
    }
  });

  it('is the distance where a model has no buckets', () => {
    expect(bucketOf(-300, { buckets: 0, maxDistance: 512, maxLength: 512 })).toBe(-300);
  });
});

describe('DeBERTa', () => {
  it('reads a sequence alike however far its batch is padded, a single token too', async () => {
    const model = createModel(config, 'text-classification', ['a', 'b'], 3);
    const { graph, logits } = buildModelGraph(model, { withLoss: false, dropoutSeed: null });
    graph.output('logits', logits);
    const session = await createSession(graph, oneThread);
    const logitsOf = async (ids: readonly number[], width: number): Promise<RunTensor> => {
      const row = (values: readonly number[]): RunTensor => ({
        shape: [1, width],
        data: Int32Array.from({ length: width }, (_, at) => values[at] ?? 0),
      });
      const feeds = { input_ids: row(ids), attention_mask: row(ids.map(() => 1)), token_type_ids: row([]) };
      const results = await session.run(new Map([...model.weights, ...Object.entries(feeds)]));
      return results.get('logits') as RunTensor;
    };
    for (const ids of [[2], [2, 7, 9, 3]]) {
      const alone = await logitsOf(ids, ids.length);
      const padded = await logitsOf(ids, 16);
      expect({ shape: padded.shape, data: padded.data as Float32Array }).toBeAllclose(
        { shape: alone.shape, data: alone.data as Float32Array },
        { rtol: 1e-5, name: `logits of ${ids.length} tokens` },
      );
    }
    await session.dispose();
  });

  it('reads the terms of position from a list as from a string', () => {
    const parse = (pos_att_type: unknown) =>
      architectureOf('deberta-v2').parseConfig({ ...config, pos_att_type });
    expect(parse(['p2c', 'c2p'])).toEqual(parse('P2C | c2p'));
  });

  it.each([
    [{ conv_groups: 2 }, 'config.json: conv_groups: must be 1'],
    [{ conv_kernel_size: 4 }, 'config.json: conv_kernel_size: must be odd, got 4'],
    [{ pooler_hidden_size: 4 }, 'config.json: pooler_hidden_size: must be hidden_size 8, got 4'],
    [{ pos_att_type: 'p2p' }, 'config.json: pos_att_type'],
    [{ num_attention_heads: 3 }, 'config.json: hidden_size: must be a multiple of 3 heads, got 8'],
  ])('refuses %j', (changes, message) => {
    expect(() => architectureOf('deberta-v2').parseConfig({ ...config, ...changes })).toThrow(message);
  });
});
