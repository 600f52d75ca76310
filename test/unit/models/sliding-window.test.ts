/** @file Which layers of decoders attend within a window, and what each token sees in one. */
import { describe, expect, it } from 'vitest';
import { Graph } from '../../../shared/graph/graph.ts';
import * as ops from '../../../shared/graph/ops/index.ts';
import { causalMask } from '../../../shared/models/attention.ts';
import { architectureOf } from '../../../shared/models/registry.ts';
import { createSession } from '../../../shared/runtime/session.ts';
import { oneThread } from '../../support/run-context.ts';

const sizes = {
  vocab_size: 9,
  hidden_size: 8,
  intermediate_size: 8,
  num_hidden_layers: 3,
  num_attention_heads: 2,
  num_key_value_heads: 2,
  head_dim: 4,
};

function windowsOf(modelType: string, changes: object): unknown {
  return (architectureOf(modelType).parseConfig({ ...sizes, ...changes }) as unknown as { windows: unknown })
    .windows;
}

describe('layers that attend within a sliding window', () => {
  const alternating = ['full_attention', 'sliding_attention', 'full_attention'];

  it.each([
    ['llama', { sliding_window: 4 }, [null, null, null]],
    ['mistral', { sliding_window: 4 }, [4, 4, 4]],
    ['mistral', { sliding_window: null }, [null, null, null]],
    ['mistral', {}, [4096, 4096, 4096]],
    ['qwen2', { sliding_window: 4 }, [null, null, null]],
    ['qwen2', { sliding_window: 4, use_sliding_window: true }, [null, null, null]],
    ['qwen2', { sliding_window: 4, use_sliding_window: true, max_window_layers: 1 }, [null, 4, 4]],
    ['qwen3', { sliding_window: 4, use_sliding_window: true, layer_types: alternating }, [null, 4, null]],
  ])('are, of %s with %j, those of transformers', (modelType, changes, expected) => {
    expect(windowsOf(modelType, changes)).toEqual(expected);
  });

  it.each([
    [{ layer_types: alternating }, 'layer_types: must slide only with use_sliding_window'],
    [{ layer_types: alternating.slice(1) }, 'layer_types: must name 3 layers, got 2'],
    [{ layer_types: ['chunked_attention'] }, 'config.json: layer_types.0'],
  ])('are refused where they cannot be: %j', (changes, message) => {
    expect(() => windowsOf('qwen3', changes)).toThrow(message);
  });
});

describe('the mask of a window', () => {
  it('lets a token see itself and those before it, so many in all', async () => {
    const graph = new Graph();
    const queries = graph.input('queries', 'int64', ['rows']);
    const keys = graph.input('keys', 'int64', ['columns']);
    graph.output('open', ops.equal(causalMask(queries, keys, 2), graph.scalar(0)));
    const session = await createSession(graph, oneThread);
    const outputs = await session.run(
      new Map([
        ['queries', { shape: [3], data: BigInt64Array.of(0n, 2n, 3n) }],
        ['keys', { shape: [4], data: BigInt64Array.of(0n, 1n, 2n, 3n) }],
      ]),
    );
    await session.dispose();
    expect([...(outputs.get('open')?.data ?? [])].map(Number)).toEqual([1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1]);
  });
});
