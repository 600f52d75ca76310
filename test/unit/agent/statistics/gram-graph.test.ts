import { describe, expect, it } from 'vitest';
import { createGramAccumulator } from '../../../../agent/statistics/gram-accumulator.ts';
import { createGramPass } from '../../../../agent/statistics/gram-graph.ts';
import { unpackSymmetric } from '../../../../shared/contribution/gram-packing.ts';
import type { Value } from '../../../../shared/graph/graph.ts';
import { findLinearLayers } from '../../../../shared/models/linear-layers.ts';
import { createModel, type Model } from '../../../../shared/models/model-folder.ts';
import { buildModelGraph } from '../../../../shared/models/model-graph.ts';
import { createSession, type RunTensor } from '../../../../shared/runtime/session.ts';
import { oneThread } from '../../../support/run-context.ts';
import '../../../support/allclose.ts';

/** Wider than two panels of the Gram graph, with a rest. */
const intermediateSize = 1100;

const config = {
  model_type: 'bert',
  vocab_size: 11,
  hidden_size: 8,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  intermediate_size: intermediateSize,
  max_position_embeddings: 6,
  initializer_range: 0.5,
};
const labels = ['a', 'b'];

const integers = (shape: number[], values: number[]): RunTensor => ({ shape, data: Int32Array.from(values) });

const feeds = new Map([
  ['input_ids', integers([2, 4], [2, 5, 6, 3, 2, 9, 0, 0])],
  ['attention_mask', integers([2, 4], [1, 1, 1, 1, 1, 1, 0, 0])],
  ['token_type_ids', integers([2, 4], [0, 0, 1, 1, 0, 0, 0, 0])],
]);
const tokenRows = Int32Array.of(0, 1, 2, 3, 4, 5);

/** The activation that a module reads, all rows. */
async function activationOf(model: Model, module: string): Promise<RunTensor> {
  const built = buildModelGraph(model, { withLoss: false, dropoutSeed: null });
  const group = findLinearLayers(built).groups.find(({ layers }) =>
    layers.some((layer) => layer.module === module),
  );
  if (group === undefined) throw new Error(`no linear layer ${module}`);
  built.graph.output('activation', group.inputs[0] as Value);
  const session = await createSession(built.graph, oneThread);
  const results = await session.run(new Map([...model.weights, ...feeds]));
  await session.dispose();
  return results.get('activation') as RunTensor;
}

describe('the Gram pass', () => {
  it('puts the panels of a wide Gram together as X^T X over the token rows, and adds batch to batch', async () => {
    const model = createModel(config, 'token-classification', labels, 1);
    const module = 'bert.encoder.layer.0.output.dense';
    const { data } = await activationOf(model, module);
    const naive = new Float64Array(intermediateSize * intermediateSize);
    for (const row of tokenRows) {
      const x = data.subarray(row * intermediateSize, (row + 1) * intermediateSize);
      for (let i = 0; i < intermediateSize; i++) {
        for (let j = 0; j < intermediateSize; j++) {
          const at = i * intermediateSize + j;
          naive[at] = (naive[at] as number) + 2 * Number(x[i]) * Number(x[j]);
        }
      }
    }

    const pass = await createGramPass(model, model.weights, oneThread);
    const accumulator = createGramAccumulator(pass.panels);
    expect(pass.panels.filter(({ gram }) => gram === module).length).toBeGreaterThan(2);
    await pass.run(feeds, { tokens: tokenRows, targets: new Int32Array(0) });
    await pass.run(feeds, { tokens: tokenRows, targets: new Int32Array(0) });
    accumulator.drain();
    accumulator.drain();
    const shape = [intermediateSize, intermediateSize];
    const gram = { shape, data: unpackSymmetric(accumulator.packed(module), intermediateSize) };
    expect(gram).toBeAllclose({ shape, data: naive }, { rtol: 1e-6, name: module });
    await pass.dispose();
  });
});

describe('the groups of linear layers', () => {
  const groupsOf = (task: 'text-classification' | 'masked-lm') =>
    findLinearLayers(
      buildModelGraph(createModel(config, task, labels, 1), { withLoss: false, dropoutSeed: null }),
    ).groups;

  it('gives layers that read the same activation one Gram, named by the first of them', () => {
    expect(
      groupsOf('text-classification').map(({ name, layers }) => ({
        name,
        modules: layers.map(({ module }) => module),
      })),
    ).toEqual([
      {
        name: 'bert.encoder.layer.0.attention.self.query',
        modules: ['query', 'key', 'value'].map((part) => `bert.encoder.layer.0.attention.self.${part}`),
      },
      ...[
        'bert.encoder.layer.0.attention.output.dense',
        'bert.encoder.layer.0.intermediate.dense',
        'bert.encoder.layer.0.output.dense',
        'bert.pooler.dense',
        'classifier',
      ].map((name) => ({ name, modules: [name] })),
    ]);
  });

  it('leave out decoders tied to an embedding, and layers that read masked tokens alone', () => {
    const modules = groupsOf('masked-lm').flatMap((group) => group.layers.map(({ module }) => module));
    expect(modules).toContain('bert.encoder.layer.0.output.dense');
    expect(modules.filter((name) => /embeddings|^cls/.test(name))).toEqual([]);
  });
});

describe('rows of a table of relative positions', () => {
  const deberta = {
    ...config,
    model_type: 'deberta-v2',
    intermediate_size: 12,
    type_vocab_size: 0,
    relative_attention: true,
    position_buckets: 3,
    pos_att_type: 'p2c|c2p',
    share_att_key: true,
  };
  const self = 'deberta.encoder.layer.0.attention.self';
  const batch = { tokens: 6, targets: 0, sequences: 2, batches: 1 };

  /**
   * The Gram of every module of the first layer's attention after two equal batches: its values and
   * its rows.
   */
  async function gramsOf(changes: object, positionRows: 'excluded' | 'included') {
    const model = createModel({ ...deberta, ...changes }, 'text-classification', labels, 1);
    const pass = await createGramPass(model, model.weights, oneThread, { positionRows });
    const accumulator = createGramAccumulator(pass.panels);
    for (let run = 0; run < 2; run++)
      await pass.run(feeds, { tokens: tokenRows, targets: new Int32Array(0) });
    accumulator.drain();
    const entries = pass.groups.flatMap((group) =>
      group.layers.map(({ module }) => {
        const gram = unpackSymmetric(accumulator.packed(group.name), config.hidden_size);
        return [
          module.replace(`${self}.`, ''),
          { name: group.name, rows: pass.rowsOf(group, batch), gram },
        ] as const;
      }),
    );
    await pass.dispose();
    return { grams: new Map(entries), table: model.weights.get('deberta.encoder.rel_embeddings.weight') };
  }

  it('are left out of layers that read tokens too, which then share the Gram of those that read tokens alone', async () => {
    const { grams } = await gramsOf({}, 'excluded');
    const names = ['query_proj', 'key_proj', 'value_proj'].map((module) => grams.get(module)?.name);
    expect(new Set(names)).toEqual(new Set([`${self}.query_proj`]));
    expect(grams.get('query_proj')?.rows).toBe(6);
  });

  it('are added once per batch when asked to', async () => {
    const { grams, table } = await gramsOf({}, 'included');
    const without = (await gramsOf({}, 'excluded')).grams;
    expect(grams.get('key_proj')?.name).toBe(`${self}.query_proj`);
    expect(grams.get('value_proj')?.name).toBe(`${self}.value_proj`);
    expect(grams.get('query_proj')?.rows).toBe(6 + 6);
    const size = config.hidden_size;
    const expected = Float64Array.from(without.get('query_proj')?.gram ?? [], (value, at) => {
      const column = (index: number) =>
        Array.from({ length: 6 }, (_, row) => Number(table?.data[row * size + index]));
      const [left, right] = [column(Math.floor(at / size)), column(at % size)];
      return value + 2 * left.reduce((sum, x, row) => sum + x * Number(right[row]), 0);
    });
    const shape = [size, size];
    expect({ shape, data: grams.get('query_proj')?.gram ?? [] }).toBeAllclose(
      { shape, data: expected },
      { rtol: 1e-6, name: 'query_proj' },
    );
  });

  it('are all that layers of their own read, whatever is asked for', async () => {
    for (const choice of ['excluded', 'included'] as const) {
      const { grams } = await gramsOf({ share_att_key: false }, choice);
      expect(grams.get('pos_key_proj')?.rows).toBe(6);
      expect(grams.get('pos_query_proj')?.name).toBe(`${self}.pos_key_proj`);
      expect(grams.get('query_proj')?.rows).toBe(6);
    }
  });
});
