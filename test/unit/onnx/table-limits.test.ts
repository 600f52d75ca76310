import { describe, expect, it } from 'vitest';
import { Graph, type Value } from '../../../shared/graph/graph.ts';
import * as ops from '../../../shared/graph/ops/index.ts';
import { axes } from '../../../shared/models/axes.ts';
import { robertaPositions } from '../../../shared/models/roberta.ts';
import { type TableLimits, tableLimits } from '../../../shared/onnx/table-limits.ts';

interface Inputs {
  readonly ids: Value;
  readonly mask: Value;
  readonly types: Value;
}

/** The limits of a network that looks up one row of a table for each token, or more. */
function limits(table: number, indices: (inputs: Inputs) => Value): Promise<TableLimits> {
  const graph = new Graph();
  const tokens = (name: string): Value => graph.input(name, 'int64', ['batch', 'seq']);
  const inputs = {
    ids: tokens('input_ids'),
    mask: tokens('attention_mask'),
    types: tokens('token_type_ids'),
  };
  ops.gather(graph.parameter('words', [7, 2]), ops.cast(inputs.ids, 'int32'));
  ops.gather(graph.parameter('table', [table, 2]), indices(inputs));
  return tableLimits(graph);
}

const zeros = ({ ids }: Inputs): Value => ops.zerosLike(ids);
const positions = (inputs: Inputs): Value => ops.add(zeros(inputs), ops.positionsOf(inputs.ids, 1));

describe('the tables of a network', () => {
  it('give the vocabulary, and as many positions as one that is read farther in longer texts', async () => {
    expect(await limits(30, positions)).toEqual({ vocabSize: 7, positions: 30 });
    expect(await limits(3, positions)).toEqual({ vocabSize: 7, positions: 3 });
  });

  it('give fewer positions where the first rows are for padding', async () => {
    const counted = (pad: number) => (inputs: Inputs) =>
      ops.cast(robertaPositions(ops.cast(inputs.ids, 'int32'), pad), 'int64');
    expect(await limits(30, counted(1))).toEqual({ vocabSize: 7, positions: 28 });
    expect(await limits(30, counted(0))).toEqual({ vocabSize: 7, positions: 29 });
  });

  it('give positions where they are counted in the mask', async () => {
    const counted = ({ mask }: Inputs): Value => ops.add(ops.cumSum(mask, 1), mask.graph.scalar(1, 'int64'));
    expect(await limits(30, counted)).toEqual({ vocabSize: 7, positions: 28 });
  });

  it('give none where every token reads one row: token types that are no input', async () => {
    expect(await limits(2, zeros)).toEqual({ vocabSize: 7 });
  });

  it('give token types where they are an input', async () => {
    expect(await limits(2, ({ types }) => ops.cast(types, 'int32'))).toEqual({
      vocabSize: 7,
      typeVocabSize: 2,
    });
  });

  it('give none of relative positions, which pairs of tokens have', async () => {
    const relative = ({ ids }: Inputs): Value => {
      const own = ops.positionsOf(ids, 1);
      return ops.abs(ops.sub(ops.reshape(own, [axes.seq, 1]), ops.reshape(own, [1, axes.seq])));
    };
    expect(await limits(3, relative)).toEqual({ vocabSize: 7 });
  });
});
