import { type PredictOptions, predictDefaults } from '../../agent/inference/predict-options.ts';
import { predictRows, type RowPrediction } from '../../agent/inference/predict-rows.ts';
import { createRunContext, type RunContextOptions } from '../../shared/runtime/run-context.ts';
import type { WithDefaults } from './with-defaults.ts';

/** What to predict with which model; defaults are those of `regmean predict`. */
export type PredictRequest = WithDefaults<PredictOptions, keyof typeof predictDefaults>;

/**
 * Runs a model over data.
 *
 * @returns for every row what `regmean predict` writes as a line
 */
export async function predict(
  request: PredictRequest,
  run: RunContextOptions = {},
): Promise<readonly RowPrediction[]> {
  return predictRows({ ...predictDefaults, ...request }, createRunContext(run));
}
