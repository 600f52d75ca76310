import { describe, expect, it } from 'vitest';
import { loadModel } from '../../../shared/formats/load-model.ts';
import { encodeOnnxModel } from '../../../shared/graph/onnx-model.ts';
import {
  attributeTypes,
  decodeModel,
  encodeModel,
  type OnnxAttribute,
  type OnnxModel,
  type OnnxNode,
} from '../../../shared/graph/onnx-schema.ts';
import { buildModelGraph } from '../../../shared/models/model-graph.ts';
import { floats, longs, networkModel, node, writeOnnxFile } from '../../support/onnx-network.ts';
import {
  axis1,
  checkOperator,
  expectOnnxRuntimesLogits,
  mean,
  meanBefore18,
  modelOf,
  type OperatorCase,
} from '../../support/operator-cases.ts';

/** A value times `x`, so that softmax over tokens does not sum to one whatever `x` is. */
const weighted = (from: string): OnnxNode[] => [node('Mul', [from, 'x'], ['w']), meanBefore18('w')];

const withGradient: Readonly<Record<string, OperatorCase>> = {
  'Softmax of version 12 takes all axes from its own on together': {
    nodes: [node('Softmax', ['x'], ['y'], { axis: 1 }), ...weighted('y')],
    opset: 12,
  },
  'Softmax of version 11 does so from axis 1 by default': {
    nodes: [node('Softmax', ['x'], ['y']), ...weighted('y')],
    opset: 11,
  },
  'LogSoftmax of version 12 over the whole batch': {
    nodes: [node('LogSoftmax', ['x'], ['y'], { axis: 0 }), ...weighted('y')],
    opset: 12,
  },
  'reductions of version 17 name axes in an attribute': {
    nodes: [node('ReduceL2', ['x'], ['logits'], { axes: [-2], keepdims: 0 })],
    opset: 17,
  },
  'Unsqueeze and Squeeze of version 12 name axes in an attribute': {
    nodes: [
      node('Unsqueeze', ['x'], ['u'], { axes: [-1, 0] }),
      node('Squeeze', ['u'], ['y'], { axes: [0, 4] }),
      meanBefore18('y'),
    ],
    opset: 12,
  },
  'Split of version 12 names sizes in an attribute': {
    nodes: [
      node('Split', ['x'], ['a', 'b'], { axis: 2, split: [1, 3] }),
      node('Mul', ['a', 'b'], ['y']),
      meanBefore18('y'),
    ],
    opset: 12,
  },
  'Dropout of version 11 does nothing when it is not trained': {
    nodes: [node('Dropout', ['x'], ['y'], { ratio: { f: 0.4 } }), meanBefore18('y')],
    opset: 11,
  },
  'reductions without axes, given as an empty list, are over all axes': {
    nodes: [node('ReduceSum', ['x', 'none'], ['total']), node('Mul', ['x', 'total'], ['y']), mean('y')],
    initializers: [axis1, longs('none', [])],
  },
};

describe('operators of older versions mean what they meant, and have a gradient', () => {
  it.each(Object.entries(withGradient))('%s', (_, operatorCase) => checkOperator(operatorCase));
});

const asTheyAre: Readonly<Record<string, OperatorCase>> = {
  'Hardmax of version 12': { nodes: [node('Hardmax', ['x'], ['y']), ...weighted('y')], opset: 12 },
  'Hardmax over tokens': {
    nodes: [node('Hardmax', ['x'], ['y'], { axis: 1 }), ...weighted('y')],
    opset: 13,
  },
  'ReduceProd of version 13': {
    nodes: [node('ReduceProd', ['x'], ['logits'], { axes: [1], keepdims: 0 })],
    opset: 13,
  },
  'Split of tokens, version 12': {
    nodes: [
      node('Split', ['x'], ['a', 'b'], { axis: 1, split: [2, 3] }),
      node('ReduceProd', ['b'], ['logits'], { axes: [1], keepdims: 0 }),
    ],
    opset: 12,
  },
  'Split of tokens into equal parts, version 13': {
    nodes: [
      node('Split', ['x'], ['a', 'b', 'c', 'd', 'e'], { axis: 1 }),
      node('ReduceProd', ['c'], ['logits'], { axes: [1], keepdims: 0 }),
    ],
    opset: 13,
  },
  'DFT of version 17 over axis 1': {
    nodes: [
      node('Unsqueeze', ['x', 'last'], ['u']),
      node('DFT', ['u'], ['f']),
      node('ReduceMean', ['f'], ['logits'], { axes: [1, 3], keepdims: 0 }),
    ],
    initializers: [longs('last', [-1])],
    opset: 17,
  },
  'GridSample of version 16, whose modes had other names': {
    nodes: [
      node('Unsqueeze', ['x', 'axis1'], ['image']),
      node('Reshape', ['x', 'pairs'], ['grid']),
      node('GridSample', ['image', 'grid'], ['s']),
      node('ReduceMean', ['s'], ['logits'], { axes: [1, 2], keepdims: 0 }),
    ],
    initializers: [axis1, longs('pairs', [0, 0, 2, 2])],
    opset: 16,
  },
};

describe('operators without a rule mean what they meant in older versions', () => {
  it.each(Object.entries(asTheyAre))('%s', async (_, operatorCase) => {
    await expectOnnxRuntimesLogits(await modelOf(operatorCase));
  });
});

/** Probabilities that the operator also gives out, which there is no rule for. */
const attention: OnnxNode[] = [
  node('Attention', ['x', 'x', 'x'], ['y', '', '', 'scores'], { q_num_heads: 2, kv_num_heads: 2 }),
  node('ReduceMean', ['scores', 'axis1'], ['s'], { keepdims: 0 }),
  node('ReduceMean', ['s', 'axis1'], ['m'], { keepdims: 0 }),
  node('ReduceMean', ['m', 'axis1'], ['r']),
  node('ReduceMean', ['y', 'axis1'], ['n'], { keepdims: 0 }),
  node('Mul', ['n', 'r'], ['logits']),
];

describe('operators of newer versions', () => {
  it('run as they are in a graph of their version', async () => {
    const { model, bytes } = await modelOf({ nodes: attention, initializers: [axis1], opset: 23 });
    await expectOnnxRuntimesLogits({ model, bytes });
    const { graph, logits } = buildModelGraph(model, { withLoss: false, dropoutSeed: null });
    graph.output('logits', logits);
    const { opsetImport } = decodeModel(encodeOnnxModel(graph));
    expect(opsetImport.find(({ domain }) => domain === '' || domain === undefined)?.version).toBe('23');
  });

  it('are not asked for where there are rules for all', async () => {
    const operatorCase = { nodes: [node('Relu', ['x'], ['y']), mean('y')], initializers: [axis1], opset: 26 };
    const { model } = await modelOf(operatorCase);
    const { graph, logits } = buildModelGraph(model, { withLoss: false, dropoutSeed: null });
    graph.output('logits', logits);
    const { opsetImport } = decodeModel(encodeOnnxModel(graph));
    expect(opsetImport.find(({ domain }) => domain === '' || domain === undefined)?.version).toBe('20');
  });

  it('are refused where ONNX Runtime does not know their version and there is no rule', async () => {
    const nodes = [node('ReduceProd', ['x', 'axis1'], ['logits'], { keepdims: 0 })];
    const refused = modelOf({ nodes, initializers: [axis1], opset: 27 });
    await expect(refused).rejects.toThrow('ONNX Runtime cannot load it (operators of version 27)');
    await expect(refused).rejects.toMatchObject({
      hint: 'export again with an older opset_version, for instance 20',
    });
  });
});

describe('operators of other domains', () => {
  const withOther = (type: string, attribute: readonly OnnxAttribute[]): OnnxModel => {
    const other = { ...node(type, ['m'], ['logits']), domain: 'ai.onnx.ml', attribute };
    const onnx = networkModel([node('ReduceMean', ['x', 'axis1'], ['m'], { keepdims: 0 }), other], [axis1]);
    return { ...onnx, opsetImport: [...onnx.opsetImport, { domain: 'ai.onnx.ml', version: 3 }] };
  };
  const open = async (model: OnnxModel) =>
    loadModel(await writeOnnxFile(model), { task: 'text-classification' });

  it('run as they are, of the version that the file says', async () => {
    const file = withOther('Binarizer', [{ name: 'threshold', type: attributeTypes.float, f: 0.1 }]);
    const { model } = await open(file);
    await expectOnnxRuntimesLogits({ model, bytes: encodeModel(file) });
  });

  it('are refused when ONNX Runtime cannot say how many axes they give', async () => {
    const file = withOther('Scaler', [
      { name: 'offset', type: attributeTypes.floats, floats: [0.5, 0, -1, 2] },
      { name: 'scale', type: attributeTypes.floats, floats: [1, 2, 3, 4] },
    ]);
    await expect(open(file)).rejects.toThrow(
      'node /logits/Scaler (Scaler): shape and element type of logits are not known',
    );
  });
});

it('refuses a mode that newer versions of an operator do not have, naming node and version', async () => {
  const refused = modelOf({
    nodes: [
      node('Unsqueeze', ['x'], ['image'], { axes: [1] }),
      node('Resize', ['image', 'region', 'scales'], ['r'], {
        coordinate_transformation_mode: 'tf_half_pixel_for_nn',
        mode: 'nearest',
      }),
      node('ReduceMean', ['r'], ['logits'], { axes: [1, 2], keepdims: 0 }),
    ],
    initializers: [floats('region', [0], []), floats('scales', [4], [1, 1, 2, 1])],
    opset: 12,
  });
  await expect(refused).rejects.toThrow(
    /node \/r\/Resize \(Resize\): version 12 of the operator has tf_half_pixel_for_nn, which versions from 13 on do not/,
  );
});
