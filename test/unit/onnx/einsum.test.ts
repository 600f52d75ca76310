import { describe, expect, it } from 'vitest';
import type { OnnxNode, OnnxTensor } from '../../../shared/graph/onnx-schema.ts';
import { findLinearLayers } from '../../../shared/models/linear-layers.ts';
import { buildModelGraph } from '../../../shared/models/model-graph.ts';
import { formatShape } from '../../../shared/tensor.ts';
import { floats, longs, node } from '../../support/onnx-network.ts';
import { axis1, checkOperator, mean, modelOf, type OperatorCase } from '../../support/operator-cases.ts';

const weights = (name: string, ...dims: number[]): OnnxTensor =>
  floats(
    name,
    dims,
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, at) => Math.sin(3 * at + 1)),
  );
const einsum = (equation: string, inputs: string[], output: string): OnnxNode =>
  node('Einsum', inputs, [output], { equation });

const layer = (equation: string, ...dims: number[]): OperatorCase => ({
  nodes: [einsum(equation, ['x', 'w'], 'y'), mean('y')],
  initializers: [axis1, weights('w', ...dims)],
});
const heads = [node('Reshape', ['x', 'split'], ['h']), node('Tanh', ['h'], ['k'])];
const split = longs('split', [0, 0, 2, 2]);

const cases: Readonly<Record<string, OperatorCase>> = {
  'a layer': layer('bsd,de->bse', 4, 3),
  'a layer whose weights are stored by output': layer('bsd, ed -> bse', 3, 4),
  'a layer with weights first': {
    nodes: [einsum('ed,bsd->bse', ['w', 'x'], 'y'), mean('y')],
    initializers: [axis1, weights('w', 3, 4)],
  },
  'a layer behind an ellipsis, its result implicit': layer('...d,de', 4, 3),
  'a layer into heads': {
    nodes: [einsum('bsd,dhe->bshe', ['x', 'w'], 'h'), node('Reshape', ['h', 'joined'], ['y']), mean('y')],
    initializers: [axis1, weights('w', 4, 2, 3), longs('joined', [0, 0, 6])],
  },
  'a layer out of heads': {
    nodes: [...heads, einsum('bshe,hed->bsd', ['h', 'w'], 'y'), mean('y')],
    initializers: [axis1, weights('w', 2, 2, 3), split],
  },
  'scores and what they mix, by head': {
    nodes: [
      ...heads,
      einsum('bqhe,bkhe->bhqk', ['h', 'k'], 's'),
      node('Softmax', ['s'], ['p'], { axis: -1 }),
      einsum('bhqk,bkhe->bqhe', ['p', 'h'], 'm'),
      node('Reshape', ['m', 'joined'], ['y']),
      mean('y'),
    ],
    initializers: [axis1, split, longs('joined', [0, 0, 4])],
  },
  'scores without a batch axis between heads and tokens': {
    nodes: [
      ...heads,
      einsum('bqhe,bkge->bqhkg', ['h', 'k'], 's'),
      einsum('bqhkg,bkge->bqhe', ['s', 'h'], 'm'),
      node('Reshape', ['m', 'joined'], ['y']),
      mean('y'),
    ],
    initializers: [axis1, split, longs('joined', [0, 0, 4])],
  },
  'rows by rows': { nodes: [einsum('bsd,bsd->bd', ['x', 'x'], 'logits')] },
  'every pair, nothing summed': {
    nodes: [einsum('bsd,e->bsde', ['x', 'v'], 'p'), node('Reshape', ['p', 'joined'], ['y']), mean('y')],
    initializers: [axis1, weights('v', 3), longs('joined', [0, 0, 12])],
  },
  'a vector of weights, and an axis that is only summed': {
    nodes: [
      einsum('bsd,d->bs', ['x', 'v'], 's'),
      einsum('bsd,bs,ef->bdf', ['x', 's', 'w'], 'p'),
      node('Reshape', ['p', 'joined'], ['logits']),
    ],
    initializers: [weights('v', 4), weights('w', 2, 3), longs('joined', [0, 12])],
  },
  'one operand': { nodes: [einsum('bsd->db', ['x'], 't'), einsum('db->bd', ['t'], 'logits')] },
};

describe('Einsum gives ONNX Runtime’s results and the slope of finite differences', () => {
  it.each(Object.entries(cases))('%s', (_, operatorCase) => checkOperator(operatorCase));
});

describe('Einsum with a matrix of weights is a linear layer, which has a Gram', () => {
  it.each([
    ['a layer', 'in-out'],
    ['a layer whose weights are stored by output', 'out-in'],
    ['a layer with weights first', 'out-in'],
    ['a layer behind an ellipsis, its result implicit', 'in-out'],
  ])('%s', async (name, orientation) => {
    const { model } = await modelOf(cases[name] as OperatorCase);
    const { groups } = findLinearLayers(buildModelGraph(model, { withLoss: false, dropoutSeed: null }));
    const found = groups.flatMap(({ layers, inputs }) =>
      layers.map(({ weight, orientation: stored }) => ({
        ...{ weight, orientation: stored },
        rows: inputs.map(({ shape }) => formatShape(shape)),
      })),
    );
    expect(found).toEqual([{ weight: 'w', orientation, rows: ['[batch, seq, 4]'] }]);
  });

  it('but not with weights of three axes, which are averaged', async () => {
    const { model } = await modelOf(cases['a layer into heads'] as OperatorCase);
    expect(findLinearLayers(buildModelGraph(model, { withLoss: false, dropoutSeed: null })).layers).toEqual(
      [],
    );
  });
});
