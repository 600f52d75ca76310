import { describe, expect, it } from 'vitest';
import { gradients } from '../../../shared/graph/gradients.ts';
import { Graph } from '../../../shared/graph/graph.ts';
import { meanAll, mul } from '../../../shared/graph/ops/index.ts';
import { createSession } from '../../../shared/runtime/session.ts';
import { oneThread } from '../../support/run-context.ts';

describe('gradients', () => {
  it('passes through a mean over sizes known only at run time, whose divisor is no function of the values', async () => {
    const graph = new Graph();
    const x = graph.input('x', 'float32', ['batch', 2]);
    const [gradient] = gradients(meanAll(mul(x, x)), [x]);
    if (gradient !== undefined) graph.output('gradient', gradient);
    const session = await createSession(graph, oneThread);
    const results = await session.run(
      new Map([['x', { shape: [2, 2], data: Float32Array.of(1, -2, 3, 4) }]]),
    );
    expect([...(results.get('gradient')?.data ?? [])]).toEqual([0.5, -1, 1.5, 2]);
    await session.dispose();
  });
});
