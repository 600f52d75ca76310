import { describe, it } from 'vitest';
import type { OnnxNode } from '../../../shared/graph/onnx-schema.ts';
import { floats, longs, node } from '../../support/onnx-network.ts';
import { axis1, checkOperator, mean, type OperatorCase } from '../../support/operator-cases.ts';

const far = Number.MAX_SAFE_INTEGER;
/** Sizes of `x` as exporters compute them: Shape, Gather, Unsqueeze. */
const size = (axis: number, output: string): OnnxNode[] => [
  node('Shape', ['x'], [`${output}.shape`]),
  node('Gather', [`${output}.shape`, `at${axis}`], [`${output}.scalar`]),
  node('Unsqueeze', [`${output}.scalar`, 'axis0'], [output]),
];
const places = [longs('at0', 0), longs('at1', 1), longs('axis0', [0]), axis1];

const moved: Readonly<Record<string, OperatorCase>> = {
  'Gather of the last token': {
    nodes: [node('Gather', ['x', 'last'], ['logits'], { axis: 1 })],
    initializers: [longs('last', -1)],
  },
  'Slice of the last two tokens': {
    nodes: [node('Slice', ['x', 'from', 'to', 'axis1'], ['y']), mean('y')],
    initializers: [axis1, longs('from', [-2]), longs('to', [far])],
  },
  'Slice of tokens behind a Transpose': {
    nodes: [
      node('Transpose', ['x'], ['t'], { perm: [0, 2, 1] }),
      node('Slice', ['t', 'from', 'to', 'axis2'], ['s']),
      node('Exp', ['s'], ['e']),
      node('ReduceMean', ['e', 'axis2'], ['logits'], { keepdims: 0 }),
    ],
    initializers: [longs('from', [1]), longs('to', [4]), longs('axis2', [2])],
  },
  'Slice without the last token': {
    nodes: [node('Slice', ['x', 'from', 'to', 'axis1'], ['y']), mean('y')],
    initializers: [axis1, longs('from', [1]), longs('to', [-1])],
  },
  'a table sliced to the number of tokens': {
    nodes: [
      ...size(1, 'tokens'),
      node('Slice', ['positions', 'zero', 'tokens', 'axis1'], ['p']),
      node('Add', ['x', 'p'], ['y']),
      mean('y'),
    ],
    initializers: [
      ...places,
      longs('zero', [0]),
      floats(
        'positions',
        [1, 8, 4],
        Array.from({ length: 32 }, (_, i) => i / 32),
      ),
    ],
  },
  'Concat of a learned token, expanded to the batch': {
    nodes: [
      ...size(0, 'rows'),
      node('Concat', ['rows', 'rest'], ['sizes'], { axis: 0 }),
      node('Expand', ['first', 'sizes'], ['token']),
      node('Concat', ['token', 'x'], ['y'], { axis: 1 }),
      node('Mul', ['y', 'y'], ['z']),
      mean('z'),
    ],
    initializers: [...places, longs('rest', [1, 4]), floats('first', [1, 1, 4], [0.5, -1, 2, 0.1])],
  },
  'heads split by sizes that are computed': {
    nodes: [
      ...size(0, 'rows'),
      ...size(1, 'tokens'),
      node('Concat', ['rows', 'tokens', 'heads', 'open'], ['split'], { axis: 0 }),
      node('Reshape', ['x', 'split'], ['a']),
      node('Transpose', ['a'], ['b'], { perm: [0, 2, 1, 3] }),
      node('Softmax', ['b'], ['c'], { axis: -1 }),
      node('Transpose', ['c'], ['d'], { perm: [0, 2, 1, 3] }),
      node('Reshape', ['d', 'joined'], ['y']),
      mean('y'),
    ],
    initializers: [...places, longs('heads', [2]), longs('open', [-1]), longs('joined', [0, 0, 4])],
  },
  'Split and Where': {
    nodes: [
      node('Split', ['x'], ['a', 'b'], { axis: 2, num_outputs: 2 }),
      node('Greater', ['a', 'b'], ['larger']),
      node('Where', ['larger', 'a', 'b'], ['y']),
      mean('y'),
    ],
    initializers: [axis1],
  },
  'Trilu of scores': {
    nodes: [
      node('Transpose', ['x'], ['t'], { perm: [0, 2, 1] }),
      node('MatMul', ['t', 'x'], ['s']),
      node('Trilu', ['s'], ['y'], { upper: 0 }),
      mean('y'),
    ],
    initializers: [axis1],
  },
  'Slice of every other column, and backwards': {
    nodes: [
      node('Slice', ['x', 'from', 'to', 'axis2', 'two'], ['a']),
      node('Slice', ['x', 'last', 'first', 'axis2', 'back'], ['b']),
      node('Mul', ['a', 'b'], ['y']),
      mean('y'),
    ],
    initializers: [
      axis1,
      ...[longs('from', [1]), longs('to', [far]), longs('axis2', [2]), longs('two', [2])],
      ...[longs('last', [-1]), longs('first', [-far]), longs('back', [-2])],
    ],
  },
  'Pad with a number around tokens and columns, and with less than nothing': {
    nodes: [node('Pad', ['x', 'pads', 'value'], ['p']), node('Mul', ['p', 'p'], ['y']), mean('y')],
    initializers: [axis1, longs('pads', [0, 2, -1, 0, 1, 3]), floats('value', [], [0.7])],
  },
  'Pad of named axes': {
    nodes: [node('Pad', ['x', 'pads', '', 'axis1'], ['p']), node('Exp', ['p'], ['y']), mean('y')],
    initializers: [axis1, longs('pads', [1, 2])],
  },
  'Tile of tokens and columns': {
    nodes: [node('Tile', ['x', 'times'], ['t']), node('Mul', ['t', 'w'], ['y']), mean('y')],
    initializers: [axis1, longs('times', [1, 3, 2]), floats('w', [8], [1, 2, 3, 4, 5, 6, 7, 8])],
  },
  'Tile of a learned row to the number of tokens': {
    nodes: [
      ...size(1, 'tokens'),
      node('Concat', ['one', 'tokens', 'one'], ['times'], { axis: 0 }),
      node('Tile', ['row', 'times'], ['t']),
      node('Mul', ['t', 'x'], ['y']),
      mean('y'),
    ],
    initializers: [...places, longs('one', [1]), floats('row', [1, 1, 4], [0.5, -1, 2, 0.1])],
  },
  'Expand to sizes that cannot be followed': {
    nodes: [
      node('Shape', ['x'], ['sizes']),
      node('Cast', ['sizes'], ['f'], { to: 1 }),
      node('Cast', ['f'], ['again'], { to: 7 }),
      node('Expand', ['row', 'again'], ['t']),
      node('Mul', ['t', 'x'], ['y']),
      mean('y'),
    ],
    initializers: [axis1, floats('row', [1, 1, 4], [0.5, -1, 2, 0.1])],
  },
  'GatherElements of tokens': {
    nodes: [node('GatherElements', ['x', 'which'], ['y'], { axis: 1 }), mean('y')],
    initializers: [
      axis1,
      { ...longs('which', [0, 1, 4, 2, 4, 3, 0, 0, 2, 2, 1, 1, 3, 0, 4, 1]), dims: [2, 2, 4] },
    ],
  },
  'GatherND of one token of each row': {
    nodes: [node('GatherND', ['x', 'which'], ['logits'])],
    initializers: [{ ...longs('which', [0, 4, 1, 2]), dims: [2, 2] }],
  },
  'ScatterND and ScatterElements, in the place of tokens': {
    nodes: [
      node('ScatterND', ['x', 'which', 'rows'], ['s']),
      node('ScatterElements', ['s', 'columns', 'numbers'], ['t'], { axis: 2 }),
      node('Mul', ['t', 't'], ['y']),
      mean('y'),
    ],
    initializers: [
      axis1,
      { ...longs('which', [0, 4, 1, 2]), dims: [2, 2] },
      floats('rows', [2, 4], [1, 2, 3, 4, 5, 6, 7, 8]),
      { ...longs('columns', [3, 0]), dims: [1, 2, 1] },
      floats('numbers', [1, 2, 1], [0.5, -2]),
    ],
  },
  'TopK of tokens': {
    nodes: [node('TopK', ['x', 'two'], ['y', 'which'], { axis: 1 }), mean('y')],
    initializers: [axis1, longs('two', [2])],
  },
};

/** What exported graphs compute with integers: no gradient, but shapes. */
const counted: Readonly<Record<string, OperatorCase>> = {
  'ArgMax finds the end of a text, where GatherND reads': {
    nodes: [
      node('ArgMax', ['input_ids'], ['end'], { axis: 1, keepdims: 1 }),
      node('Shape', ['input_ids'], ['sizes']),
      node('Gather', ['sizes', 'at0'], ['rows']),
      node('Range', ['at0', 'rows', 'at1'], ['row']),
      node('Unsqueeze', ['row', 'axis1'], ['rows2']),
      node('Concat', ['rows2', 'end'], ['which'], { axis: 1 }),
      node('GatherND', ['x', 'which'], ['logits']),
    ],
    initializers: places,
  },
  'Where asks whether there are tokens': {
    nodes: [
      ...size(1, 'tokens'),
      node('Cast', ['tokens'], ['some'], { to: 9 }),
      node('Where', ['some', 'four', 'two'], ['width']),
      node('Concat', ['keep', 'keep', 'width'], ['sizes'], { axis: 0 }),
      node('Reshape', ['x', 'sizes'], ['y']),
      mean('y'),
    ],
    initializers: [...places, longs('four', [4]), longs('two', [2]), longs('keep', [0])],
  },
  'powers and means of integers, which are rounded': {
    nodes: [
      node('Pow', ['input_ids', 'root'], ['p']),
      node('ReduceMean', ['p', 'axis1'], ['m']),
      node('Cast', ['m'], ['f'], { to: 1 }),
      node('Unsqueeze', ['f', 'axis1'], ['w']),
      node('Mul', ['w', 'x'], ['y']),
      mean('y'),
    ],
    initializers: [axis1, floats('root', [], [1.5])],
  },
  'OneHot of tokens': {
    nodes: [
      node('OneHot', ['input_ids', 'depth', 'values'], ['hot']),
      node('MatMul', ['hot', 'rows'], ['h']),
      node('Add', ['h', 'x'], ['y']),
      mean('y'),
    ],
    initializers: [
      axis1,
      longs('depth', 7),
      floats('values', [2], [0, 1]),
      floats(
        'rows',
        [7, 4],
        Array.from({ length: 28 }, (_, i) => Math.sin(i)),
      ),
    ],
  },
  'Mod, IsInf and bits of tokens': {
    nodes: [
      node('Mod', ['input_ids', 'three'], ['m']),
      node('BitwiseAnd', ['m', 'one'], ['odd']),
      node('Cast', ['odd'], ['f'], { to: 1 }),
      node('IsInf', ['x'], ['infinite'], { detect_negative: 0 }),
      node('Not', ['infinite'], ['finite']),
      node('Cast', ['finite'], ['g'], { to: 1 }),
      node('Unsqueeze', ['f', 'last'], ['w']),
      node('Mul', ['g', 'w'], ['k']),
      node('Mul', ['k', 'x'], ['y']),
      mean('y'),
    ],
    initializers: [axis1, longs('three', [-3]), longs('one', [1]), longs('last', [-1])],
  },
  'NonZero of tokens, counted': {
    nodes: [
      node('NonZero', ['input_ids'], ['found']),
      node('Cast', ['found'], ['f'], { to: 1 }),
      node('ReduceSum', ['f'], ['total'], { keepdims: 0 }),
      node('Mul', ['x', 'total'], ['y']),
      mean('y'),
    ],
    initializers: [axis1],
  },
};

describe('operators that move elements give ONNX Runtime’s results and the slope of finite differences', () => {
  it.each(Object.entries(moved))('%s', (_, operatorCase) => checkOperator(operatorCase));
});

describe('operators on integers have shapes, and leave the gradients around them', () => {
  it.each(Object.entries(counted))('%s', (_, operatorCase) => checkOperator(operatorCase));
});
