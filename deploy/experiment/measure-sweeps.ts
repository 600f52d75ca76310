/**
 * @file How sensitive RegMean is to its knobs: alpha, the additive constant, the batches of the
 *   Grams (paper, Appendix C).
 */
import type { ExperimentMethod } from './experiment-file.ts';
import type { Measurement } from './results.ts';
import { type SeedRun, scoreMerged } from './seed-run.ts';

/**
 * All agents merged by RegMean with one knob varied, the others as in the experiment's last RegMean
 * method.
 */
export async function measureSweeps(run: SeedRun): Promise<readonly Measurement[]> {
  const { methods, sweeps } = run.context.experiment;
  const regmean: ExperimentMethod = methods.findLast(({ method }) => method === 'regmean') ?? {
    label: 'RegMean',
    method: 'regmean',
  };
  const { alpha: _, ridge: __, ...plain } = regmean;
  const points: { setting: Measurement['setting']; knob: number; method: ExperimentMethod }[] = [
    ...sweeps.alpha.map((alpha) => ({
      setting: 'alpha' as const,
      knob: alpha,
      method: { ...plain, alpha },
    })),
    ...sweeps.ridge.map((ridge) => ({
      setting: 'ridge' as const,
      knob: ridge,
      method: { ...plain, ridge },
    })),
    ...sweeps.batches.map((batches) => ({ setting: 'batches' as const, knob: batches, method: regmean })),
  ];
  const measurements: Measurement[] = [];
  for (const { setting, knob, method } of points) {
    const scope = { testSets: run.data.testSets, validation: false };
    const batches = setting === 'batches' ? knob : undefined;
    measurements.push({
      seed: run.seed,
      setting,
      method: setting === 'batches' ? regmean.label : 'RegMean',
      agents: run.models.map(({ name }) => name),
      knob,
      ...(await scoreMerged(run, run.models, method, scope, batches)),
    });
  }
  return measurements;
}
