import { describe, expect, it } from 'vitest';
import { metricsFor, type Prediction } from '../../../shared/metrics/metrics-for.ts';
import type { TaskKind } from '../../../shared/task.ts';
import { type GivenLabels, labelsFor } from '../../support/example-labels.ts';

/** What a model says of examples of a task. */
const saysFor =
  (task: TaskKind) =>
  (logits: number[], labels: GivenLabels): Prediction => ({
    logits: Float32Array.from(logits),
    labels: labelsFor(task, labels),
  });
const saysClass = saysFor('text-classification');
const saysFlags = saysFor('multi-label-classification');
const saysValue = saysFor('regression');
const saysTags = saysFor('token-classification');

describe('metricsFor', () => {
  it('scores text classification by accuracy', () => {
    const { main, compute } = metricsFor('text-classification', ['a', 'b', 'c']);
    const scores = compute([
      saysClass([2, 1, 0], 0),
      saysClass([0, 1, 2], 1),
      saysClass([-3, -1, -2], 1),
      saysClass([5, 5, 1], 0),
    ]);
    expect(main).toBe('accuracy');
    expect(scores.accuracy).toBe(3 / 4);
    // F1: class a 1, class b 2 * 1 / (1 + 2), class c (claimed once) 0.
    expect(scores.macroF1).toBeCloseTo((1 + 2 / 3 + 0) / 3, 14);
    // s 4, c 3, predicted (2, 1, 1), gold (2, 2, 0): (3 * 4 - 6) / sqrt((16 - 6) (16 - 8)).
    expect(scores.matthews).toBeCloseTo(6 / Math.sqrt(80), 14);
  });

  it('scores multi-label classification by macro-F1, a class applying above logit 0', () => {
    const { main, compute } = metricsFor('multi-label-classification', ['a', 'b']);
    const scores = compute([saysFlags([1, -1], [1, 0]), saysFlags([0.5, -0.1], [0, 1])]);
    expect(main).toBe('macroF1');
    // Class a: TP 1, predicted 2, gold 1. Class b: TP 0, predicted 0, gold 1.
    expect(scores).toEqual({ macroF1: (2 / 3 + 0) / 2, microF1: 2 / 4, accuracy: 1 / 2 });
  });

  it('scores regression by Pearson', () => {
    const { main, compute } = metricsFor('regression', []);
    const scores = compute([saysValue([1], 2), saysValue([2], 4), saysValue([3], 6)]);
    expect(main).toBe('pearson');
    expect(scores.pearson).toBeCloseTo(1, 14);
    expect(scores.spearman).toBeCloseTo(1, 14);
    expect(scores.mse).toBeCloseTo(14 / 3, 14);
  });

  it('scores span tags by span F1, ignored positions and padding left out', () => {
    const names = ['O', 'B-PER', 'I-PER'];
    const { main, compute } = metricsFor('token-classification', names);
    const o = [1, 0, 0];
    const b = [0, 1, 0];
    const i = [0, 0, 1];
    // Special tokens and second pieces (-100) are predicted B; gold PER 0-2, predicted PER 0-1 and
    // PER 2-3.
    const first = saysTags([...b, ...b, ...b, ...o, ...b, ...b, ...i], [-100, 1, -100, 2, 0, -100]);
    const second = saysTags([...b, ...i], [1, 2]);
    expect(main).toBe('spanF1');
    const scores = compute([first, second]);
    expect(scores.accuracy).toBe(3 / 5);
    // 1 right of 3 claimed and 2 existing.
    expect(scores.spanPrecision).toBeCloseTo(1 / 3, 14);
    expect(scores.spanRecall).toBeCloseTo(1 / 2, 14);
    expect(scores.spanF1).toBeCloseTo(2 / 5, 14);
  });

  it('scores other tags by accuracy', () => {
    const { main, compute } = metricsFor('token-classification', ['NOUN', 'VERB']);
    expect(main).toBe('accuracy');
    const scores = compute([saysTags([1, 0, 1, 0, 0, 1], [0, 1, 1])]);
    expect(scores.accuracy).toBeCloseTo(2 / 3, 14);
    expect(scores.macroF1).toBeCloseTo((2 / 3 + 2 / 3) / 2, 14);
  });

  it('has macro-F1 over chosen classes only where it has macro-F1', () => {
    expect(() => metricsFor('regression', [], ['a'])).toThrow('classes: regression has no macro-F1');
    expect(() => metricsFor('token-classification', ['O', 'B-X'], ['O'])).toThrow(
      'classes: span tags have no macro-F1',
    );
    const words = metricsFor('token-classification', ['NOUN', 'VERB'], ['NOUN']);
    expect(words.compute([saysTags([1, 0, 1, 0], [0, 1])]).macroF1).toBeCloseTo(2 / 3, 14);
  });

  it('names the main metric among the metrics', () => {
    for (const names of [['a'], ['B-X', 'O']]) {
      const { main, compute } = metricsFor('token-classification', names);
      const logits = new Array(names.length).fill(0);
      expect(Object.keys(compute([saysTags(logits, [0])]))).toContain(main);
    }
  });

  it('rejects logits that are not finite or too few', () => {
    const { compute } = metricsFor('text-classification', ['a', 'b']);
    expect(() => compute([saysClass([1, Number.NaN], 0)])).toThrow(
      'logits must be finite, one per class, got NaN',
    );
    expect(() => compute([saysClass([1], 0)])).toThrow('logits must be finite, one per class, got undefined');
  });

  it('rejects unlabelled examples, no examples, and masked-lm', () => {
    expect(() => metricsFor('regression', []).compute([saysValue([1], null)])).toThrow(
      'every example must have a label',
    );
    expect(() => metricsFor('regression', []).compute([])).toThrow('needs at least one example, got none');
    expect(() => metricsFor('masked-lm', [])).toThrow('got masked-lm');
  });
});
