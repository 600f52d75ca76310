import { asKind, type ExampleLabels } from '../data/example-labels.ts';
import { ignoredLabel, type TaskKind } from '../task.ts';
import type { EncodedExample } from './example.ts';

/** Labelled examples with the classes that their labels count. */
export interface LabelledExamples {
  readonly task: TaskKind;
  /** Classes of the data; none for regression. */
  readonly classes: readonly string[];
  readonly examples: readonly EncodedExample[];
}

/**
 * The same examples over more classes, which hold for none of them; those that they have come
 * first.
 */
export function withClasses(data: LabelledExamples, classes: readonly string[]): LabelledExamples {
  const examples = data.examples.map((example) => {
    const own = asKind(example.labels, 'flags');
    if (own === null) return example;
    const flags = new Float32Array(classes.length);
    flags.set(own.flags);
    return { ...example, labels: { kind: 'flags', flags } as const };
  });
  return { ...data, classes, examples };
}

/** The classes that occur in labelled examples, in the order of their classes. */
export function occurringClasses({
  classes,
  examples,
}: Pick<LabelledExamples, 'classes' | 'examples'>): string[] {
  const seen = new Set(examples.flatMap((example) => classesOf(example.labels)));
  return classes.filter((_, id) => seen.has(id));
}

/**
 * The position of the first example that is labelled with other classes, by name, in `b` than in
 * `a`; -1 when none is.
 */
export function firstLabelledOtherwise(a: LabelledExamples, b: LabelledExamples): number {
  const namesOf = ({ classes, examples }: LabelledExamples, index: number): (string | undefined)[] => {
    const own = examples[index]?.labels ?? null;
    const names = classesOf(own).map((id) => classes[id]);
    return own?.kind === 'flags' ? names.sort() : names;
  };
  return a.examples.findIndex((_, index) => {
    const [inA, inB] = [namesOf(a, index), namesOf(b, index)];
    return inA.length !== inB.length || inA.some((name, position) => name !== inB[position]);
  });
}

/** The numbers of the classes that an example is labelled with, as often as it is. */
function classesOf(labels: ExampleLabels | null): number[] {
  switch (labels?.kind) {
    case 'class':
      return [labels.id];
    case 'tags':
      return [...labels.ids].filter((id) => id !== ignoredLabel);
    case 'flags':
      return [...labels.flags].flatMap((applies, id) => (applies > 0 ? [id] : []));
    // Values and tokens are no classes.
    case 'value':
    case 'target':
    case 'following':
    case undefined:
      return [];
  }
}
