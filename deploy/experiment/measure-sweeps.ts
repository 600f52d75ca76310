/**
 * @file How sensitive merges are to the options of their methods, and to the batches of the Grams
 *   (paper, Appendix C).
 */
import { foreignOption, methodNamed, needsOf, numberOptions } from '../../merger/methods/merge-keys.ts';
import { refinementOptions } from '../../merger/methods/refinement-options.ts';
import { defaultMethod, type MethodName } from '../../merger/methods/registry.ts';
import { type FixedMethod, fixedMethods } from './automatic.ts';
import type { Measurement } from './results.ts';
import { type SeedRun, scoreMerged } from './seed-run.ts';

/**
 * All agents merged with one option varied, the others as in the experiment's last method that has
 * it; of that method's numbers only the varied one is given. Batches are varied for the last method
 * that needs Grams.
 */
export async function measureSweeps(run: SeedRun): Promise<readonly Measurement[]> {
  const { sweeps } = run.context.experiment;
  const methods = fixedMethods(run.context.experiment);
  const points: Point[] = numberOptions.flatMap(({ key, methods: owners, meta }) =>
    sweeps[key].map((value) => {
      const varied = (own: FixedMethod): FixedMethod => ({ ...withoutNumbers(own), [key]: value });
      const own =
        methods.findLast((one) => foreignOption(one.method, varied(one)) === undefined) ??
        plain(owners[0] ?? defaultMethod, meta.onlyWith);
      return { setting: key, knob: value, label: titleOf(own.method), method: varied(own) };
    }),
  );
  const needsGrams = (own: FixedMethod): boolean => own.rounds !== 2 && needsOf(own).includes('grams');
  const withGrams = methods.findLast(needsGrams) ?? plain('regmean');
  for (const batches of sweeps.batches) {
    points.push({ setting: 'batches', knob: batches, label: withGrams.label, method: withGrams });
  }
  const measurements: Measurement[] = [];
  for (const { setting, knob, label, method } of points) {
    const scope = { testSets: run.data.testSets, validation: false };
    const batches = setting === 'batches' ? knob : undefined;
    measurements.push({
      seed: run.seed,
      setting,
      method: label,
      agents: run.models.map(({ name }) => name),
      knob,
      ...(await scoreMerged(run, run.models, method, scope, batches)),
    });
  }
  return measurements;
}

/** One merge of a sweep. */
interface Point {
  readonly setting: Measurement['setting'];
  readonly knob: number;
  readonly label: string;
  readonly method: FixedMethod;
}

/** A method with nothing but its defaults, and values that are needed. */
function plain(method: MethodName, values: Readonly<Record<string, string>> = {}): FixedMethod {
  return { label: titleOf(method), method, ...values };
}

function titleOf(name: MethodName): string {
  return methodNamed(name).title;
}

/** A method without values for options that are numbers. */
function withoutNumbers(method: FixedMethod): FixedMethod {
  const isNumber = (key: string): boolean =>
    key in refinementOptions || numberOptions.some((own) => own.key === key);
  return Object.fromEntries(Object.entries(method).filter(([key]) => !isNumber(key))) as FixedMethod;
}
