import { copyFile, mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { loadModel } from '../../../shared/formats/load-model.ts';
import {
  attributeTypes,
  decodeModel,
  encodeModel,
  type OnnxFunction,
  type OnnxModel,
  type OnnxNode,
} from '../../../shared/graph/onnx-schema.ts';
import { saveModel } from '../../../shared/models/model-folder.ts';
import { graphDifference, readGraph } from '../../../shared/onnx/compare-graphs.ts';
import { withoutFunctions } from '../../../shared/onnx/inline-functions.ts';
import { floats, networkModel, node, writeOnnxFile } from '../../support/onnx-network.ts';
import { axis1, expectOnnxRuntimesLogits, expectSlopes, mean } from '../../support/operator-cases.ts';

const own = 'own.layers';
const opsetImport = [{ domain: '', version: 18 }];

const call = (name: string, type: string, input: string[], output: string[], slope?: number): OnnxNode => ({
  ...node(type, input, output, slope === undefined ? {} : { slope: { f: slope } }),
  name,
  domain: own,
});

/** LeakyRelu with the call's slope, or 0.5. */
const bent: OnnxFunction = {
  name: 'Bent',
  domain: own,
  input: ['v'],
  output: ['w'],
  opsetImport,
  attributeProto: [{ name: 'slope', type: attributeTypes.float, f: 0.5 }],
  node: [
    {
      ...node('LeakyRelu', ['v'], ['w']),
      name: 'act',
      attribute: [{ name: 'alpha', type: attributeTypes.float, refAttrName: 'slope' }],
    },
  ],
};

/**
 * v w + b through Bent; the bias may be left out, as an operator's optional input. Also hands out
 * the product.
 */
const layer: OnnxFunction = {
  name: 'Layer',
  domain: own,
  input: ['v', 'weight', 'least'],
  output: ['y', 'product'],
  attribute: ['slope'],
  opsetImport: [...opsetImport, { domain: own, version: 1 }],
  node: [
    node('MatMul', ['v', 'weight'], ['product']),
    node('Clip', ['product', 'least'], ['clipped']),
    {
      ...call('bend', 'Bent', ['clipped'], ['y']),
      attribute: [{ name: 'slope', type: attributeTypes.float, refAttrName: 'slope' }],
    },
  ],
};

const square = (name: string, shift: number) =>
  floats(
    name,
    [4, 4],
    Array.from({ length: 16 }, (_, at) => Math.sin(at + shift)),
  );

function network(nodes: readonly OnnxNode[], functions: readonly OnnxFunction[]): OnnxModel {
  const initializers = [axis1, square('first', 0), square('second', 5), floats('floor', [], [-0.1])];
  const model = networkModel(nodes, initializers, 18);
  return { ...model, opsetImport: [...model.opsetImport, { domain: own, version: 1 }], functions };
}

const twoLayers = network(
  [
    call('/a/Layer', 'Layer', ['x', 'first', 'floor'], ['h', ''], 0.1),
    call('/b/Layer', 'Layer', ['x', 'second'], ['k', 'p']),
    node('Sum', ['h', 'k', 'p'], ['y']),
    mean('y'),
  ],
  [layer, bent],
);

/**
 * The same in a way that ONNX Runtime does not take: calls of one name, and a function that hands
 * out what it is given.
 */
const sameNames = network(
  [
    call('/a/Layer', 'Layer', ['x', 'first', 'floor'], ['h', '', 'same'], 0.1),
    call('/a/Layer', 'Layer', ['same', 'second'], ['k', 'p']),
    node('Sum', ['h', 'k', 'p'], ['y']),
    mean('y'),
  ],
  [{ ...layer, output: ['y', 'product', 'v'] }, bent],
);

async function opened(model: OnnxModel): ReturnType<typeof loadModel> {
  return loadModel(await writeOnnxFile(model), { task: 'text-classification' });
}

describe("functions of a model's own", () => {
  it('compute what ONNX Runtime makes of them: calls in calls, attributes, defaults, absent inputs and outputs', async () => {
    const { model } = await opened(twoLayers);
    await expectOnnxRuntimesLogits({ model, bytes: encodeModel(twoLayers) });
    await expectSlopes(model);
    const { model: same } = await opened(sameNames);
    await expectOnnxRuntimesLogits({ model: same, bytes: encodeModel(twoLayers) });
  });

  it('become nodes named after the call, each name once', () => {
    const { graph, functions, opsetImport: versions } = withoutFunctions('net.onnx', sameNames);
    expect(functions).toBeUndefined();
    expect(versions).toEqual([{ domain: '', version: '18' }]);
    const names = graph.node.map(({ name }) => name);
    expect(names).toContain('/a/Layer/bend/act');
    expect(names).toContain('/a/Layer_1/bend/act');
    expect(new Set(names).size).toBe(names.length);
    const values = graph.node.flatMap(({ output }) => output.filter((name) => name !== ''));
    expect(new Set(values).size).toBe(values.length);
  });

  it('stand in the file of a saved folder as plain nodes, which ONNX Runtime opens', async () => {
    const file = fileURLToPath(new URL('../../fixtures/onnx/functions.onnx', import.meta.url));
    const { model } = await loadModel(file, { task: 'token-classification' });
    const folders = await Promise.all(
      ['a', 'b'].map((name) => mkdtemp(join(tmpdir(), `regmean-functions-${name}-`))),
    );
    for (const folder of folders) await saveModel(folder, model);
    const [a = '', b = ''] = folders;
    expect(graphDifference(await readGraph(a), await readGraph(b))).toBeNull();
    // A folder with the exported file itself, which a round may begin from.
    const exported = await mkdtemp(join(tmpdir(), 'regmean-functions-'));
    await copyFile(file, join(exported, 'model.onnx'));
    expect(graphDifference(await readGraph(exported), await readGraph(a))).toBeNull();
    const stored = decodeModel(await readFile(join(a, 'model.onnx')));
    expect(stored.functions).toBeUndefined();
    expect(stored.opsetImport.map(({ domain }) => domain ?? '')).toEqual(['']);
    const [original, saved] = await Promise.all(
      [file, join(a, 'model.onnx')].map((path) => ort.InferenceSession.create(path, { logSeverityLevel: 3 })),
    );
    const row = (values: readonly number[]) =>
      new ort.Tensor('int64', BigInt64Array.from(values.map(BigInt)), [1, 3]);
    const feeds = { input_ids: row([2, 8, 3]), attention_mask: row([1, 1, 1]) };
    const [before, after] = [await original?.run(feeds), await saved?.run(feeds)];
    expect(after?.logits?.data).toEqual(before?.logits?.data);
  });

  it('that become too many nodes, each calling another ten times, are refused', () => {
    const functions = Array.from(
      { length: 8 },
      (_, at): OnnxFunction => ({
        ...bent,
        name: `F${at}`,
        node: Array.from({ length: 10 }, (__, each) => call(`c${each}`, `F${at + 1}`, ['v'], [`w${each}`])),
      }),
    );
    const model = network([call('/a', 'F0', ['x'], ['y']), mean('y')], functions);
    expect(() => withoutFunctions('net.onnx', model)).toThrow(
      'net.onnx: functions must become at most 200000 nodes',
    );
  });

  it('that call themselves, or are of other versions, are refused', async () => {
    const endless: OnnxFunction = {
      ...bent,
      node: [call('again', 'Bent', ['v'], ['w'])],
      opsetImport: [{ domain: own, version: 1 }],
    };
    const nodes = [call('/a', 'Bent', ['x'], ['y']), mean('y')];
    await expect(opened(network(nodes, [endless]))).rejects.toThrow(
      'node /a/again: function Bent calls itself',
    );
    const older: OnnxFunction = { ...bent, opsetImport: [{ domain: '', version: 12 }] };
    await expect(opened(network(nodes, [older]))).rejects.toThrow(
      'function Bent is written with version 12 of operators, the model with 18',
    );
  });
});
