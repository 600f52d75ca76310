import { describe, expect, it } from 'vitest';
import type { OnnxNode } from '../../../shared/graph/onnx-schema.ts';
import { layerNames } from '../../../shared/onnx/layer-names.ts';
import { microsoftNode, node } from '../../support/onnx-network.ts';

/** The names of layers, with everything that has no dash as a parameter. */
function namesOf(...nodes: readonly OnnxNode[]): Record<string, string> {
  const inputs = nodes.flatMap(({ input }) => input.filter((name) => !name.startsWith('-')));
  return Object.fromEntries(layerNames(nodes, new Set(inputs)));
}
const called = (own: OnnxNode, name: string): OnnxNode => ({ ...own, name });

describe('a layer whose weight has no name of its own', () => {
  it.each([
    ['Gemm', [node('Gemm', ['-x', 'w', 'dense.bias'], ['-y'])]],
    ['FusedGemm', [microsoftNode('FusedGemm', ['-x', 'w', 'dense.bias'], ['-y'])]],
    ['Attention', [microsoftNode('Attention', ['-x', 'w', 'dense.bias'], ['-y'])]],
    ['Add', [node('MatMul', ['-x', 'w'], ['-p']), node('Add', ['-p', 'dense.bias'], ['-y'])]],
    [
      'BiasGelu',
      [node('MatMul', ['-x', 'w'], ['-p']), microsoftNode('BiasGelu', ['-p', 'dense.bias'], ['-y'])],
    ],
    [
      'SkipLayerNormalization',
      [
        microsoftNode('FusedMatMul', ['-x', 'w'], ['-p']),
        microsoftNode(
          'SkipLayerNormalization',
          ['-x', '-p', 'norm.weight', 'norm.bias', 'dense.bias'],
          ['-y'],
        ),
      ],
    ],
    [
      'SkipSimplifiedLayerNormalization',
      [
        node('MatMul', ['-x', 'w'], ['-p']),
        microsoftNode('SkipSimplifiedLayerNormalization', ['-p', '-x', 'norm.weight', 'dense.bias'], ['-y']),
      ],
    ],
  ])('is called after its bias in %s', (_, nodes) => {
    expect(namesOf(...nodes)).toEqual({ w: 'dense' });
  });

  it('is called after the path of its node, where the bias does not tell', () => {
    const product = called(node('MatMul', ['-x', 'onnx::MatMul_7'], ['-p']), '/encoder/dense/MatMul');
    const scaled = microsoftNode('SkipLayerNormalization', ['-p', '-x', 'norm.weight', 'norm.bias'], ['-y']);
    expect(namesOf(product, scaled)).toEqual({ 'onnx::MatMul_7': 'encoder.dense' });
  });

  it('leaves the module’s name to a weight that says it, and to one whose bias does', () => {
    const own = called(node('MatMul', ['-x', 'dense.P'], ['-p']), '/dense/MatMul');
    const folded = called(node('MatMul', ['-p', 'onnx::MatMul_9'], ['-q']), '/dense/MatMul_1');
    expect(namesOf(own, folded, node('Add', ['-q', 'dense.bias'], ['-y']))).toEqual({
      'onnx::MatMul_9': 'dense',
    });
    expect(namesOf(own, folded, node('MatMul', ['-q', 'dense.weight'], ['-y']))).toEqual({
      'onnx::MatMul_9': 'dense.MatMul_1',
    });
  });

  it('is called after the joined weight of Attention, without saying weight', () => {
    const first = called(
      microsoftNode('Attention', ['-x', 'Attention_0_qkv_weight', 'b'], ['-y']),
      'Attention_0',
    );
    const second = called(microsoftNode('Attention', ['-y', 'qkv_weights', 'b'], ['-z']), 'Attention');
    expect(namesOf(first, second)).toEqual({ Attention_0_qkv_weight: 'Attention_0_qkv', qkv_weights: 'qkv' });
  });

  it('keeps its weight’s name in an attention of the standard, whose inputs are no weights', () => {
    expect(namesOf(node('Attention', ['-q', 'keys', 'values'], ['-y']))).toEqual({});
  });
});
