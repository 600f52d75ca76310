import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { statisticsDefaults } from '../../../agent/statistics/statistics-options.ts';
import { collectStatistics } from '../../../agent/steps/collect-statistics.ts';
import { groupLayers } from '../../../merger/methods/layer-groups.ts';
import { contributionLayers } from '../../../shared/contribution/contribution-layers.ts';
import { type Contribution, openContribution } from '../../../shared/contribution/open-contribution.ts';
import { validateContribution } from '../../../shared/contribution/validate-contribution.ts';
import { loadModel } from '../../../shared/formats/load-model.ts';
import type { OnnxModel, OnnxNode, OnnxTensor } from '../../../shared/graph/onnx-schema.ts';
import { findLinearLayers, linearLayersOf } from '../../../shared/models/linear-layers.ts';
import { createModel } from '../../../shared/models/model-folder.ts';
import { buildModelGraph } from '../../../shared/models/model-graph.ts';
import type { TaskKind } from '../../../shared/task.ts';
import { floats, longs, networkModel, node, writeOnnxFile } from '../../support/onnx-network.ts';
import { axis1, mean } from '../../support/operator-cases.ts';
import { recordingContext } from '../../support/run-context.ts';
import { writeRows } from '../../support/tiny-model.ts';

function weight(name: string, ...dims: readonly number[]): OnnxTensor {
  const size = dims.reduce((product, dim) => product * dim, 1);
  return floats(
    name,
    dims,
    Array.from({ length: size }, (_, at) => Math.sin(at + name.length)),
  );
}

const called = (name: string, own: OnnxNode): OnnxNode => ({ ...own, name });

/** A network that ends with the mean of `y`. */
const network = (nodes: readonly OnnxNode[], weights: readonly OnnxTensor[]): OnnxModel =>
  networkModel([...nodes, mean('y')], [axis1, ...weights]);

async function layersOf(nodes: readonly OnnxNode[], weights: readonly OnnxTensor[]) {
  const path = await writeOnnxFile(network(nodes, weights));
  const { model } = await loadModel(path, { task: 'text-classification' });
  const { layers } = findLinearLayers(buildModelGraph(model, { withLoss: false, dropoutSeed: null }));
  return Object.fromEntries(layers.map(({ module, weight: own }) => [module, own]));
}

/** A contribution of an ONNX file, checked, and what was noted. */
async function contributionOf(
  model: OnnxModel,
): Promise<{ contribution: Contribution; said: readonly string[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'regmean-layers-'));
  const rows = [0, 1, 2].map((shift) => ({ input_ids: [1, 4, 2, 6].map((id) => (id + shift) % 7) }));
  const file = await writeOnnxFile(model);
  const out = join(folder, 'contribution');
  const context = recordingContext();
  await collectStatistics(
    {
      ...statisticsDefaults,
      model: file,
      base: file,
      task: 'text-classification',
      dataFiles: [await writeRows(join(folder, 'rows.jsonl'), rows)],
      out,
      agent: 'north',
      batchSize: 2,
      shareMetrics: false,
    },
    context,
  );
  await validateContribution(out, { grams: true });
  return { contribution: await openContribution(out), said: context.notes };
}

describe('two parameters of one module', () => {
  const perToken: readonly OnnxNode[] = [
    called('/dense/MatMul', node('MatMul', ['x', 'dense.P'], ['p'])),
    node('Tanh', ['p'], ['t']),
    node('Transpose', ['dense.weight'], ['w'], { perm: [1, 0] }),
    called('/dense/MatMul_1', node('MatMul', ['t', 'w'], ['y'])),
  ];

  it('are two layers, whatever node comes first', async () => {
    const weights = [weight('dense.P', 4, 5), weight('dense.weight', 3, 5)];
    const layers = await layersOf(perToken, weights);
    expect(layers).toEqual({ dense: 'dense.weight', 'dense.P': 'dense.P' });
  });

  it('have Grams of their own in a contribution, which the merge finds', async () => {
    const weights = [weight('dense.P', 4, 5), weight('dense.weight', 3, 5)];
    const { contribution, said } = await contributionOf(network(perToken, weights));
    const parameters = [...contribution.weights.tensors.keys()];
    const { groups } = groupLayers({
      contributions: [contribution, contribution],
      ...{ parameters, allParameters: parameters },
      layers: await contributionLayers(contribution),
      isAveraged: () => false,
    });
    await contribution.close();
    expect(groups.map(({ name, dimension, layers }) => [name, dimension, layers[0]?.weight])).toEqual([
      ['dense.P', 4, 'dense.P'],
      ['dense', 5, 'dense.weight'],
    ]);
    expect(said.join()).not.toContain('none of');
  });

  it('are two layers where one is called like the module', async () => {
    const nodes = [
      called('n1', node('MatMul', ['x', 'a.weight'], ['p'])),
      called('n2', node('MatMul', ['p', 'a'], ['y'])),
    ];
    const layers = await layersOf(nodes, [weight('a.weight', 4, 5), weight('a', 5, 2)]);
    expect(layers).toEqual({ 'a.weight': 'a.weight', a: 'a' });
  });
});

describe('what has no Gram', () => {
  it.each<[string, readonly OnnxNode[], OnnxTensor]>([
    [
      'is a weight in both orientations',
      [
        node('MatMul', ['x', 'w'], ['p']),
        node('Transpose', ['w'], ['back'], { perm: [1, 0] }),
        node('MatMul', ['p', 'back'], ['q']),
      ],
      weight('w', 4, 4),
    ],
    ['is a weight of three axes', [node('MatMul', ['x', 'w'], ['q'])], weight('w', 1, 4, 4)],
    [
      'is a weight that is scaled first',
      [node('Mul', ['w', 'two'], ['scaled']), node('MatMul', ['x', 'scaled'], ['q'])],
      weight('w', 4, 4),
    ],
    [
      'is a weight that multiplies from the left',
      [
        node('Transpose', ['x'], ['turned'], { perm: [0, 2, 1] }),
        node('MatMul', ['w', 'turned'], ['product']),
        node('Transpose', ['product'], ['q'], { perm: [0, 2, 1] }),
      ],
      weight('w', 4, 4),
    ],
    [
      'is a layer whose rows are no tokens',
      [
        node('Reshape', ['x', 'halves'], ['h']),
        node('MatMul', ['h', 'w'], ['product']),
        node('Reshape', ['product', 'whole'], ['q']),
      ],
      weight('w', 2, 2),
    ],
  ])('%s', async (_, nodes, own) => {
    const extra = [floats('two', [], [2]), longs('halves', [0, -1, 2, 2]), longs('whole', [0, 0, 4])];
    const read = extra.filter(({ name = '' }) => nodes.some(({ input }) => input.includes(name)));
    const { contribution, said } = await contributionOf(
      network(
        [...nodes, node('MatMul', ['q', 'head.weight'], ['y'])],
        [own, weight('head.weight', 4, 2), ...read],
      ),
    );
    await contribution.close();
    expect([...(contribution.grams?.layers.keys() ?? [])]).toEqual(['head']);
    expect(said).toContain('Grams: none of w: merging averages them');
  });

  it('is refused where it is all there is', async () => {
    await expect(contributionOf(network([node('Tanh', ['x'], ['y'])], []))).rejects.toThrow(
      'Grams: the network must have linear layers, has none',
    );
    const only = network([node('MatMul', ['x', 'w'], ['y'])], [weight('w', 1, 4, 4)]);
    await expect(contributionOf(only)).rejects.toThrow(
      'Grams: the network must have linear layers with Grams (w cannot have one), has none',
    );
  });
});

describe('the linear layers of a family', () => {
  const bert = {
    ...{ model_type: 'bert', vocab_size: 12, hidden_size: 4, intermediate_size: 6 },
    ...{ num_hidden_layers: 1, num_attention_heads: 2, max_position_embeddings: 8, type_vocab_size: 2 },
  };
  const tasks = 'text-classification';
  const layersOfModel = (config: object, task: TaskKind = tasks) =>
    linearLayersOf(createModel({ ...config }, task, task === tasks ? ['no', 'yes'] : [], 1));

  it('say where each belongs, its bias, sizes and Gram', () => {
    const layers = layersOfModel(bert);
    const block = 'bert.encoder.layer.0';
    expect(layers.map(({ module, kind, gram }) => [module, kind, gram])).toEqual([
      ...['query', 'key', 'value'].map((part) => [
        ...[`${block}.attention.self.${part}`, 'encoder'],
        `${block}.attention.self.query`,
      ]),
      ...['attention.output.dense', 'intermediate.dense', 'output.dense'].map((part) => [
        ...[`${block}.${part}`, 'encoder'],
        `${block}.${part}`,
      ]),
      ['bert.pooler.dense', 'head', 'bert.pooler.dense'],
      ['classifier', 'head', 'classifier'],
    ]);
    expect(layers.at(-1)).toMatchObject({
      ...{ weight: 'classifier.weight', bias: 'classifier.bias', orientation: 'out-in' },
      ...{ inputs: 4, outputs: 2 },
    });
    expect(layersOfModel(bert, 'masked-lm').at(-1)).toMatchObject({
      ...{ module: 'bert.embeddings.word_embeddings', kind: 'embedding', gram: null },
      ...{ inputs: 4, outputs: 12 },
    });
  });

  it('are stored [in, out] in GPT-2, its untied head [out, in]', () => {
    const gpt2 = { model_type: 'gpt2', vocab_size: 12, n_embd: 4, n_layer: 1, n_head: 2, n_positions: 8 };
    const stored = (changes: object) =>
      Object.fromEntries(
        layersOfModel({ ...gpt2, ...changes }, 'causal-lm').map((own) => [
          own.module.replace('transformer.h.0.', ''),
          `${own.orientation} ${own.inputs} ${own.outputs} ${own.kind} ${own.gram === null ? 'averaged' : ''}`,
        ]),
      );
    const blocks = {
      'attn.c_attn': 'in-out 4 12 encoder ',
      'attn.c_proj': 'in-out 4 4 encoder ',
      'mlp.c_fc': 'in-out 4 16 encoder ',
      'mlp.c_proj': 'in-out 16 4 encoder ',
    };
    expect(stored({})).toEqual({ ...blocks, 'transformer.wte': 'out-in 4 12 embedding averaged' });
    expect(stored({ tie_word_embeddings: false })).toEqual({ ...blocks, lm_head: 'out-in 4 12 head ' });
  });

  it('of T5 leave out the table that encoder and decoder share, whatever it is called', () => {
    const t5 = {
      model_type: 't5',
      vocab_size: 12,
      d_model: 4,
      d_kv: 2,
      d_ff: 6,
      num_layers: 1,
      num_heads: 2,
    };
    const averaged = layersOfModel(t5, 'text2text').filter(({ gram }) => gram === null);
    expect(averaged.map(({ module, kind }) => [module, kind])).toEqual([['shared', 'embedding']]);
  });
});
