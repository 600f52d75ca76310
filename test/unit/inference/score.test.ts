import { describe, expect, it } from 'vitest';
import type { EncodedExample } from '../../../shared/examples/example.ts';
import {
  firstLabelledOtherwise,
  type LabelledExamples,
  occurringClasses,
  withClasses,
} from '../../../shared/examples/labelled-examples.ts';
import { scoreModels } from '../../../shared/inference/score.ts';
import type { TaskKind } from '../../../shared/task.ts';
import { type GivenLabels, labelsFor } from '../../support/example-labels.ts';

const one = Int32Array.of(1);
const example = (task: TaskKind, labels: GivenLabels): EncodedExample => ({
  ...{ inputIds: one, tokenTypeIds: one, attentionMask: one, wordPositions: null },
  labels: labelsFor(task, labels),
  source: { file: 'rows.jsonl', row: 1 },
});
const data = (task: TaskKind, classes: string[], ...rows: GivenLabels[]): LabelledExamples => ({
  ...{ task, classes, examples: rows.map((row) => example(task, row)) },
});
const model = (classes: string[], ...logits: number[][]) => ({
  ...{ classes, outputs: classes.length, logits: logits.map((own) => Float32Array.from(own)) },
});

describe('scoreModels', () => {
  it('matches classes by name, whatever their order', () => {
    const scores = scoreModels(
      [model(['b', 'a'], [1, 0], [1, 0])],
      data('text-classification', ['a', 'b'], 1, 0),
    );
    expect(scores).toMatchObject({ main: 'accuracy', metrics: { accuracy: 0.5 } });
  });

  it('counts a class that the model lacks as never predicted, and leaves its other classes possible', () => {
    const said = model(['a', 'x'], [-5, -9], [-5, -9], [0, 1]);
    const gold = data('text-classification', ['a', 'b'], 0, 1, 0);
    // Predicted a, a, x. F1: a 2 * 1 / (2 + 2), b 0, x 0.
    expect(scoreModels([said], gold).metrics).toMatchObject({ accuracy: 1 / 3, macroF1: 1 / 6 });
    expect(scoreModels([said], gold, ['a', 'b']).metrics.macroF1).toBe(1 / 4);
  });

  it('does so for tokens', () => {
    const said = model(['B-X', 'O'], [9, 0, 0, 9, 9, 0]);
    const gold = data('token-classification', ['O', 'B-X', 'B-Y'], [1, 0, 2]);
    // Spans: X 0-1 and Y 2-3; claimed X 0-1 and X 2-3.
    expect(scoreModels([said], gold)).toMatchObject({
      main: 'spanF1',
      metrics: { spanF1: 0.5, accuracy: 2 / 3 },
    });
  });

  it('leaves classes out that rows of several labels are not annotated with', () => {
    const said = model(['x', 'a'], [1, 1], [-1, 1]);
    const gold = data('multi-label-classification', ['a', 'b'], [1, 1], [1, 0]);
    expect(scoreModels([said], gold).metrics).toEqual({ macroF1: 1 / 2, microF1: 4 / 5, accuracy: 1 / 2 });
    // x: predicted once, never there.
    expect(scoreModels([said], withClasses(gold, ['a', 'b', 'x'])).metrics.macroF1).toBeCloseTo(1 / 3, 14);
  });
});

describe('labelled examples', () => {
  it('know the classes that occur in them, special tokens aside', () => {
    expect(occurringClasses(data('token-classification', ['a', 'b', 'c'], [-100, 2, 0]))).toEqual(['a', 'c']);
    expect(occurringClasses(data('multi-label-classification', ['a', 'b'], [0, 1]))).toEqual(['b']);
  });

  it('are compared by the names of their classes', () => {
    const turned = data('token-classification', ['b', 'a'], [1, 0]);
    expect(firstLabelledOtherwise(data('token-classification', ['a', 'b'], [0, 1]), turned)).toBe(-1);
    expect(firstLabelledOtherwise(data('token-classification', ['a', 'b'], [1, 0]), turned)).toBe(0);
    const flags = data('multi-label-classification', ['a', 'b', 'c'], [1, 1, 0]);
    const others = data('multi-label-classification', ['b', 'a'], [1, 1]);
    expect(firstLabelledOtherwise(flags, others)).toBe(-1);
  });
});
