/**
 * @file Logits of models whose classes differ: brought to common classes, averaged over the models
 *   that know each.
 */
import { RegmeanError } from '../errors.ts';
import { type HeadOutputs, headOutputs } from '../models/classes.ts';
import type { TaskKind } from '../task.ts';
import type { ExampleLogits } from './predictor.ts';

/** Logit of a class that a model does not know: never predicted, and finite as metrics ask. */
export const unknownClassLogit = -1e30;

/** What one model says of a data set. */
export interface ModelLogits extends HeadOutputs {
  /** The classes that it learned, where they are known and fewer. */
  readonly learned?: readonly string[] | undefined;
  /** Per example: [outputs], or [length, outputs] for token-classification. */
  readonly logits: readonly ExampleLogits[];
}

/** The classes of data, and then those that only models know, which stay possible predictions. */
export function unitedClasses(data: readonly string[], models: readonly ModelLogits[]): readonly string[] {
  return [...new Set([...data, ...models.flatMap((model) => model.classes)])];
}

/**
 * Mean of models' logits for each class, over the models that know the class; of one model, its
 * logits in the order of `classes` (paper, Section 4.2 and Appendix B: models that lack a class are
 * left out for it). In multi-label classification a model knows the classes that it learned, or,
 * where none learned it, that it has. Classes that no model has are never predicted.
 *
 * @throws RegmeanError `invalid-input` when models disagree on the number of tokens of an example
 */
export function meanLogits(
  models: readonly ModelLogits[],
  classes: readonly string[],
  task: TaskKind,
): ExampleLogits[] {
  const byLearning = task === 'multi-label-classification';
  const learnedBySome = new Set(models.flatMap((model) => model.learned ?? model.classes));
  const columns = models.map((model): readonly number[] => {
    if (task === 'regression') return [0];
    const { learned = model.classes } = model;
    return classes.map((name) => {
      const leftOut = byLearning && learnedBySome.has(name) && !learned.includes(name);
      return leftOut ? -1 : model.classes.indexOf(name);
    });
  });
  const { outputs } = headOutputs(task, classes);
  const counts = Array.from(
    { length: outputs },
    (_, id) => columns.filter((own) => (own[id] as number) >= 0).length,
  );
  const examples = models[0]?.logits.length ?? 0;
  return Array.from({ length: examples }, (_, example) => {
    const rows = models.map((model) => (model.logits[example]?.length ?? 0) / model.outputs);
    const length = rows[0] ?? 0;
    if (rows.some((own) => own !== length)) {
      throw new RegmeanError(
        'invalid-input',
        `ensemble: models must tokenize alike, row ${example + 1} differs`,
      );
    }
    const mean = new Float32Array(length * outputs).fill(unknownClassLogit);
    for (let row = 0; row < length; row++) {
      for (const [id, count] of counts.entries()) {
        if (count === 0) continue;
        let sum = 0;
        for (const [index, model] of models.entries()) {
          const column = columns[index]?.[id] as number;
          if (column >= 0) sum += model.logits[example]?.[row * model.outputs + column] as number;
        }
        mean[row * outputs + id] = sum / count;
      }
    }
    return mean;
  });
}
