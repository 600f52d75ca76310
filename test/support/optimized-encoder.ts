/**
 * @file An encoder of one layer as ONNX Runtime's transformer optimizer writes it: fused operators,
 *   weights that are joined.
 */
import type { OnnxModel, OnnxNode, OnnxTensor, OnnxValueInfo } from '../../shared/graph/onnx-schema.ts';
import { createRandom } from '../../shared/random.ts';
import { floats, longs, microsoftNode, node } from './onnx-network.ts';

/** What the optimizer chooses by the model and its options. */
export interface OptimizedForm {
  readonly activation: 'BiasGelu' | 'FastGelu';
  /**
   * What Attention is told of padding: the mask, or the lengths that the embeddings' operator
   * counts.
   */
  readonly mask: 'raw' | 'lengths';
}

/** Sizes: hidden, feed-forward, classes. */
export const optimizedSizes = { hidden: 8, inner: 12, classes: 3 };

const { hidden, inner, classes } = optimizedSizes;
const layer = 'encoder.layer.0';
const int32 = 6;

/** [batch, tokens, hidden] -> itself normalised after a linear layer and what goes past it. */
function block(name: string, weight: string, [from, past, to]: readonly string[]): readonly OnnxNode[] {
  const path = name.replaceAll('.', '/').replace('layer/0', 'layer.0');
  const norm = name.replace('dense', 'LayerNorm');
  return [
    { ...node('MatMul', [from ?? '', weight], [`${name}.product`]), name: `/${path}/MatMul` },
    microsoftNode(
      'SkipLayerNormalization',
      [`${name}.product`, past ?? '', `${norm}.weight`, `${norm}.bias`, `${name}.bias`],
      [to ?? ''],
      { epsilon: { f: 1e-12 } },
    ),
  ];
}

/** The encoder, a classifier of its first token. */
export function optimizedEncoder({ activation, mask }: OptimizedForm): OnnxModel {
  const random = createRandom(5);
  const tensor = (name: string, ...dims: number[]): OnnxTensor =>
    floats(
      name,
      dims,
      Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => 1.5 * random() - 0.5),
    );
  const dim = [{ dimParam: 'batch_size' }, { dimParam: 'sequence_length' }];
  const names = ['input_ids', 'attention_mask', 'token_type_ids'];
  const nodes = [
    ...names.map((name) => node('Cast', [name], [`${name}_int32`], { to: int32 })),
    microsoftNode(
      'EmbedLayerNormalization',
      [
        'input_ids_int32',
        'token_type_ids_int32',
        'embeddings.word_embeddings.weight',
        'embeddings.position_embeddings.weight',
        'embeddings.token_type_embeddings.weight',
        'embeddings.LayerNorm.weight',
        'embeddings.LayerNorm.bias',
        ...(mask === 'lengths' ? ['attention_mask_int32'] : []),
      ],
      ['embedded', 'lengths'],
    ),
    {
      ...microsoftNode(
        'Attention',
        [
          'embedded',
          'Attention_0_qkv_weight',
          'Attention_0_qkv_bias',
          mask === 'lengths' ? 'lengths' : 'attention_mask_int32',
        ],
        ['attended'],
        { num_heads: 2 },
      ),
      name: 'Attention_0',
    },
    ...block(`${layer}.attention.output.dense`, 'onnx::MatMul_21', ['attended', 'embedded', 'first']),
    { ...node('MatMul', ['first', 'onnx::MatMul_22'], ['up']), name: '/encoder/layer.0/intermediate/MatMul' },
    microsoftNode(activation, ['up', `${layer}.intermediate.dense.bias`], ['active']),
    ...block(`${layer}.output.dense`, 'onnx::MatMul_23', ['active', 'first', 'second']),
    node('Gather', ['second', 'start'], ['class'], { axis: 1 }),
    node('Gemm', ['class', 'classifier.weight', 'classifier.bias'], ['logits'], { transB: 1 }),
  ];
  const initializer = [
    tensor('embeddings.word_embeddings.weight', 9, hidden),
    tensor('embeddings.position_embeddings.weight', 6, hidden),
    tensor('embeddings.token_type_embeddings.weight', 2, hidden),
    tensor('Attention_0_qkv_weight', hidden, 3 * hidden),
    tensor('Attention_0_qkv_bias', 3 * hidden),
    tensor('onnx::MatMul_21', hidden, hidden),
    tensor('onnx::MatMul_22', hidden, inner),
    tensor('onnx::MatMul_23', inner, hidden),
    tensor(`${layer}.intermediate.dense.bias`, inner),
    ...[`${layer}.attention.output`, `${layer}.output`].flatMap((name) => [
      tensor(`${name}.dense.bias`, hidden),
      tensor(`${name}.LayerNorm.weight`, hidden),
      tensor(`${name}.LayerNorm.bias`, hidden),
    ]),
    tensor('embeddings.LayerNorm.weight', hidden),
    tensor('embeddings.LayerNorm.bias', hidden),
    tensor('classifier.weight', classes, hidden),
    tensor('classifier.bias', classes),
    longs('start', 0),
  ];
  return {
    irVersion: 8,
    opsetImport: [
      { domain: '', version: 14 },
      { domain: 'com.microsoft', version: 1 },
    ],
    graph: {
      name: 'optimized',
      node: nodes,
      initializer,
      input: names.map(
        (name): OnnxValueInfo => ({ name, type: { tensorType: { elemType: 7, shape: { dim } } } }),
      ),
      output: [{ name: 'logits', type: { tensorType: { elemType: 1 } } }],
    },
  };
}
