import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { loadModel } from '../../../shared/formats/load-model.ts';
import {
  attributeTypes,
  decodeModel,
  encodeModel,
  type OnnxModel,
  type OnnxNode,
} from '../../../shared/graph/onnx-schema.ts';
import { findLinearLayers } from '../../../shared/models/linear-layers.ts';
import { type Model, saveModel } from '../../../shared/models/model-folder.ts';
import { buildModelGraph } from '../../../shared/models/model-graph.ts';
import { graphDifference, readGraph } from '../../../shared/onnx/compare-graphs.ts';
import {
  floats,
  longs,
  microsoftNode,
  networkModel,
  node,
  writeOnnxFile,
} from '../../support/onnx-network.ts';
import { axis1, expectOnnxRuntimesLogits, expectSlopes, mean } from '../../support/operator-cases.ts';

const waves = (count: number, shift: number): number[] =>
  Array.from({ length: count }, (_, at) => Math.sin(at + shift));

function constant(name: string, dims: readonly number[], values: readonly number[]): OnnxNode {
  const t = floats('', dims, values);
  return {
    ...node('Constant', [], [name]),
    attribute: [{ name: 'value', type: attributeTypes.tensor, t }],
  };
}

/**
 * A layer whose weight and bias are Constant nodes, positions that are one too, and a scale that is
 * no weight.
 */
const network = (shift = 0): OnnxModel =>
  networkModel(
    [
      constant('positions', [16, 4], waves(64, 1)),
      node('Gather', ['positions', 'places'], ['p']),
      node('Add', ['x', 'p'], ['xp']),
      constant('kernel', [3, 4], waves(12, shift)),
      node('Transpose', ['kernel'], ['turned'], { perm: [1, 0] }),
      node('MatMul', ['xp', 'turned'], ['product']),
      constant('offset', [3], waves(3, shift + 2)),
      node('Add', ['product', 'offset'], ['sum']),
      constant('scale', [3], [1, 0.5, 2]),
      node('Mul', ['sum', 'scale'], ['y']),
      mean('y'),
    ],
    [axis1, longs('places', [0, 3, 5, 7, 15])],
  );

async function opened(model: OnnxModel): Promise<Model> {
  return (await loadModel(await writeOnnxFile(model), { task: 'text-classification' })).model;
}

async function saved(model: Model): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'regmean-constants-'));
  await saveModel(folder, model);
  return folder;
}

describe('weights in Constant nodes', () => {
  it('are trained: the right sides of products, what is added to these, and large matrices; numbers are not', async () => {
    const model = await opened(network());
    expect([...model.weights.keys()].sort()).toEqual(['kernel', 'offset', 'positions', 'table']);
    await expectOnnxRuntimesLogits({ model, bytes: encodeModel(network()) });
    await expectSlopes(model);
  });

  it('are those of linear layers, which have Grams', async () => {
    const graph = buildModelGraph(await opened(network()), { withLoss: false, dropoutSeed: null });
    expect(findLinearLayers(graph).layers).toMatchObject([{ weight: 'kernel', orientation: 'out-in' }]);
  });

  it('are external data of a saved folder, which ONNX Runtime opens', async () => {
    const folder = await saved(await opened(network()));
    const { graph } = decodeModel(await readFile(join(folder, 'model.onnx')));
    const kernel = graph.initializer.find(({ name }) => name === 'kernel');
    expect(kernel?.externalData?.[0]).toEqual({ key: 'location', value: 'model.safetensors' });
    expect(graph.node.filter(({ opType }) => opType === 'Constant')).toHaveLength(1);
    await (await ort.InferenceSession.create(join(folder, 'model.onnx'))).release();
  });

  it('are trained in operators that ONNX Runtime fused too', async () => {
    const fused = networkModel(
      [
        constant('qkv', [4, 12], waves(48, 3)),
        constant('qkvBias', [12], waves(12, 4)),
        microsoftNode('Attention', ['x', 'qkv', 'qkvBias'], ['a'], { num_heads: 2 }),
        constant('bias', [4], waves(4, 5)),
        microsoftNode('BiasGelu', ['a', 'bias'], ['y']),
        mean('y'),
      ],
      [axis1],
    );
    const model = await opened(fused);
    expect([...model.weights.keys()].sort()).toEqual(['bias', 'qkv', 'qkvBias', 'table']);
    await expectOnnxRuntimesLogits({ model, bytes: encodeModel(fused) });
  });

  it('may differ between graphs that are the same', async () => {
    const graphs = await Promise.all(
      [network(0), network(1)].map(async (model) => readGraph(await saved(await opened(model)))),
    );
    const exported = await mkdtemp(join(tmpdir(), 'regmean-constants-'));
    await writeFile(join(exported, 'model.onnx'), encodeModel(network(2)));
    for (const graph of graphs) expect(graphDifference(await readGraph(exported), graph)).toBeNull();
  });
});
