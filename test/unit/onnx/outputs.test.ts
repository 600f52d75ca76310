import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadModel } from '../../../shared/formats/load-model.ts';
import type { OnnxModel, OnnxTensor } from '../../../shared/graph/onnx-schema.ts';
import { saveModel } from '../../../shared/models/model-folder.ts';
import { graphDifference, readGraph } from '../../../shared/onnx/compare-graphs.ts';
import type { TaskKind } from '../../../shared/task.ts';
import { floats, networkModel, node, writeOnnxFile } from '../../support/onnx-network.ts';
import { axis1, mean, modelOf } from '../../support/operator-cases.ts';

const weight = (name: string, shift = 0): OnnxTensor =>
  floats(
    name,
    [4, 2],
    Array.from({ length: 8 }, (_, at) => Math.sin(at + shift)),
  );

/** A network with a second head. */
function twoHeads(first: string, shift = 0): OnnxModel {
  const nodes = [
    node('ReduceMean', ['x', 'axis1'], ['pooled'], { keepdims: 0 }),
    node('MatMul', ['pooled', 'o1.weight'], [first]),
    node('MatMul', ['pooled', 'o2.weight'], ['other']),
  ];
  const model = networkModel(nodes, [axis1, weight('o1.weight'), weight('o2.weight', shift)]);
  const output = [first, 'other'].map((name) => ({ name, type: { tensorType: { elemType: 1 } } }));
  return { ...model, graph: { ...model.graph, output } };
}

async function load(model: OnnxModel, task: TaskKind = 'text-classification') {
  return (await loadModel(await writeOnnxFile(model), { task })).model;
}

describe('a network with several outputs', () => {
  it('is trained behind its logits; what other outputs need alone is told', async () => {
    const model = await load(twoHeads('logits'));
    expect([...model.weights.keys()]).toEqual(['table', 'o1.weight']);
    expect(model.architecture.notes).toEqual([
      expect.stringMatching(
        /output logits is used; parameters of other outputs alone stay as they are: other \(o2.weight\)$/,
      ),
    ]);
  });

  it('is refused where none is called logits', async () => {
    await expect(load(twoHeads('classes'))).rejects.toThrow(
      'one output must be called logits, got classes, other',
    );
  });

  it('may differ between agents in parameters that only other outputs need', async () => {
    const graphs = await Promise.all(
      [0, 1].map(async (shift) => {
        const folder = await mkdtemp(join(tmpdir(), 'regmean-outputs-'));
        await saveModel(folder, await load(twoHeads('logits', shift)));
        return readGraph(folder);
      }),
    );
    const [first, second] = graphs;
    expect(first && second && graphDifference(first, second)).toBeNull();
  });

  it('says what regression needs, whatever labels are named', async () => {
    for (const classes of [['a'], ['a', 'b']]) {
      const path = await writeOnnxFile(twoHeads('logits'));
      await expect(loadModel(path, { task: 'regression', classes })).rejects.toThrow(
        'regression needs one output, has 2',
      );
    }
  });
});

describe('an output that is no logits', () => {
  it.each(['Softmax', 'Sigmoid'])('is told where it comes from %s', async (operator) => {
    const nodes = [
      node('ReduceMean', ['x', 'axis1'], ['pooled'], { keepdims: 0 }),
      node(operator, ['pooled'], ['logits']),
    ];
    const { model } = await modelOf({ nodes, initializers: [axis1] });
    expect(model.architecture.notes?.[0]).toContain(
      `output logits comes from ${operator} and is taken as logits`,
    );
  });
});

describe('float64', () => {
  const doubles = (name: string, dims: readonly number[], values: readonly number[]): OnnxTensor => ({
    name,
    dims,
    dataType: 11,
    rawData: new Uint8Array(Float64Array.from(values).buffer),
  });

  it('is refused in weights, by name', async () => {
    const nodes = [
      node('Cast', ['x'], ['wide'], { to: 11 }),
      node('MatMul', ['wide', 'dense.weight'], ['product']),
      node('Cast', ['product'], ['y'], { to: 1 }),
      mean('y'),
    ];
    const initializers = [axis1, doubles('dense.weight', [4, 2], Array(8).fill(0.5))];
    await expect(modelOf({ nodes, initializers })).rejects.toThrow(
      'weights must be float32 or float16, dense.weight is float64',
    );
  });

  it('is read in numbers that belong to the computation', async () => {
    const nodes = [node('Cast', ['two'], ['t'], { to: 1 }), node('Mul', ['x', 't'], ['y']), mean('y')];
    const { model } = await modelOf({ nodes, initializers: [axis1, doubles('two', [1], [2])] });
    expect([...model.weights.keys()]).toEqual(['table']);
  });
});
