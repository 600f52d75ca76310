import '@tensorflow/tfjs-backend-cpu';
import * as core from '@tensorflow/tfjs-core';
import { layers } from '@tensorflow/tfjs-layers';
import { describe, expect, it } from 'vitest';
import { type Dense, groupDenses, inputsOfGroup } from '../../../agent/tensorflow/dense-groups.ts';

const denseOf = (module: string): Dense => ({
  layer: layers.dense({ units: 2 }),
  linear: {
    ...{ module, weight: `${module}/kernel`, bias: null, gram: module, inputs: 5, outputs: 2 },
    orientation: 'in-out',
    kind: 'encoder',
  },
});
const denses = ['query', 'key', 'out'].map(denseOf);

/** One use of each layer, of the tensors with these keys. */
const inputsOf = (...keys: string[]) =>
  new Map(
    denses.map(({ layer }, at) => {
      const key = keys[at];
      return [layer, key === undefined ? [] : [{ key, tensor: core.zeros([1, 5]) }]];
    }),
  );

describe('groups of Dense layers', () => {
  it('are the layers that read the same tensors, named as the first', () => {
    const groups = groupDenses(denses, inputsOf('1', '1', '2'));
    expect(groups.map(({ name, denses: own, dimension }) => [name, own.length, dimension])).toEqual([
      ['query', 2, 5],
      ['out', 1, 5],
    ]);
  });

  it('may not change from one batch to the next', () => {
    const [group] = groupDenses(denses, inputsOf('1', '1', '2'));
    if (group === undefined) throw new Error('no group');
    expect(inputsOfGroup(group, inputsOf('8', '8', '9'), 2)).toHaveLength(1);
    expect(() => inputsOfGroup(group, inputsOf('8', '9', '9'), 2)).toThrow(
      'the Dense layer query must read the same activation in every batch, in batch 2 it reads something else than key',
    );
    expect(() => inputsOfGroup(group, new Map(), 2)).toThrow('in batch 2 it reads nothing');
  });

  it('need every layer to be used', () => {
    expect(() => groupDenses(denses, inputsOf('1', '1'))).toThrow('never uses its Dense layer out');
  });
});
