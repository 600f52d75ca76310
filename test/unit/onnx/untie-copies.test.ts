import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { loadModel } from '../../../shared/formats/load-model.ts';
import {
  decodeModel,
  encodeModel,
  type OnnxModel,
  type OnnxNode,
} from '../../../shared/graph/onnx-schema.ts';
import { saveModel } from '../../../shared/models/model-folder.ts';
import { graphDifference, readGraph } from '../../../shared/onnx/compare-graphs.ts';
import { withUntiedCopies } from '../../../shared/onnx/untie-copies.ts';
import { floats, networkModel, node, writeOnnxFile } from '../../support/onnx-network.ts';
import { axis1, expectOnnxRuntimesLogits, expectSlopes, mean } from '../../support/operator-cases.ts';

const square = Array.from({ length: 16 }, (_, at) => Math.sin(at));
const called = (name: string, own: OnnxNode): OnnxNode => ({ ...own, name });

/** A layer as PyTorch writes it, its weight transposed beforehand. */
const layer = (path: string, weight: string, bias: string | null, from: string, to: string): OnnxNode[] => {
  const product = bias === null ? to : `/${path}/MatMul_output_0`;
  const multiply = called(`/${path}/MatMul`, node('MatMul', [from, weight], [product]));
  return bias === null ? [multiply] : [multiply, called(`/${path}/Add`, node('Add', [bias, product], [to]))];
};
const identity = (from: string, to: string): OnnxNode => node('Identity', [from], [to]);

/** Two layers whose biases began as zeros: one initializer of the exporter's. */
const fresh = networkModel(
  [
    identity('f.bias', 'g.bias'),
    ...layer('f', 'onnx::MatMul_1', 'f.bias', 'x', 'h'),
    ...layer('g', 'onnx::MatMul_2', 'g.bias', 'h', 'y'),
    mean('y'),
  ],
  [
    axis1,
    floats('f.bias', [4], [0, 0, 0, 0]),
    floats('onnx::MatMul_1', [4, 4], square),
    floats('onnx::MatMul_2', [4, 4], square.map(Math.cos)),
  ],
);

/** Two layers whose weights are the same initializer, the second through Identity. */
const folded = (second: string, biases: readonly [string, string] | null): OnnxModel =>
  networkModel(
    [
      identity('onnx::MatMul_1', 'onnx::MatMul_2'),
      ...layer('f', 'onnx::MatMul_1', biases?.[0] ?? null, 'x', 'h'),
      ...layer(second, 'onnx::MatMul_2', biases?.[1] ?? null, 'h', 'y'),
      mean('y'),
    ],
    [
      axis1,
      floats('onnx::MatMul_1', [4, 4], square),
      ...[...new Set(biases ?? [])].map((name) => floats(name, [4], [0, 1, 2, 3])),
    ],
  );

const untied = (model: OnnxModel): string[] =>
  withUntiedCopies(model)
    .graph.initializer.slice(model.graph.initializer.length)
    .map(({ name = '' }) => name);

describe('parameters of equal values that an exporter wrote once', () => {
  it('are parameters of their own, with the same logits', async () => {
    const { model } = await loadModel(await writeOnnxFile(fresh), { task: 'text-classification' });
    expect([...model.weights.keys()]).toContain('g.bias');
    await expectOnnxRuntimesLogits({ model, bytes: encodeModel(fresh) });
    await expectSlopes(model);
  });

  it('are written back apart, and the graph is still the same as the exported one', async () => {
    const { model } = await loadModel(await writeOnnxFile(fresh), { task: 'text-classification' });
    const folder = await mkdtemp(join(tmpdir(), 'regmean-untied-'));
    model.weights.get('g.bias')?.data.fill(3);
    await saveModel(folder, model);
    const { graph } = decodeModel(await readFile(join(folder, 'model.onnx')));
    expect(graph.node.filter(({ opType }) => opType === 'Identity')).toEqual([]);
    await (await ort.InferenceSession.create(join(folder, 'model.onnx'))).release();
    const again = (await loadModel(folder, { task: 'text-classification' })).model;
    expect([...(again.weights.get('g.bias')?.data ?? [])]).toEqual([3, 3, 3, 3]);
    expect([...(again.weights.get('f.bias')?.data ?? [])]).toEqual([0, 0, 0, 0]);
    const exported = await mkdtemp(join(tmpdir(), 'regmean-untied-'));
    await writeFile(join(exported, 'model.onnx'), encodeModel(fresh));
    expect(graphDifference(await readGraph(exported), await readGraph(folder))).toBeNull();
  });

  it('are told by the bias or the path of the layer that reads them, where they have no names', () => {
    expect(untied(folded('f_1', ['f.bias', 'g.bias']))).toEqual(['onnx::MatMul_2']);
    expect(untied(folded('g', null))).toEqual(['onnx::MatMul_2']);
  });
});

describe('a parameter that a model itself uses several times', () => {
  it('stays one where a layer is called twice, as in ALBERT', async () => {
    expect(untied(folded('f_1', null))).toEqual([]);
    const { model } = await loadModel(await writeOnnxFile(folded('f_1', ['f.bias', 'f.bias'])), {
      task: 'text-classification',
    });
    expect([...model.weights.keys()].sort()).toEqual(['f.bias', 'onnx::MatMul_1', 'table']);
  });

  it('stays one where it is read directly by several nodes, as a head tied to embeddings is', () => {
    const tied = networkModel(
      [node('Transpose', ['table'], ['t'], { perm: [1, 0] }), node('MatMul', ['x', 't'], ['logits'])],
      [],
    );
    expect(withUntiedCopies(tied)).toBe(tied);
  });

  it('stays one where an Identity is its only reader, or computes a value of the graph', () => {
    for (const name of ['w', '/f/Identity_output_0']) {
      const others = name === 'w' ? [] : [node('MatMul', ['h', 'f.weight'], ['i'])];
      const nodes = [identity('f.weight', name), node('MatMul', ['x', name], ['h']), ...others];
      expect(untied(networkModel(nodes, [floats('f.weight', [4, 4], square)]))).toEqual([]);
    }
  });
});
