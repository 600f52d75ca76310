import { evaluateModels } from '../../agent/inference/evaluate-models.ts';
import {
  type EvaluateOptions,
  evaluateDefaults,
  type Score,
} from '../../agent/inference/evaluate-options.ts';
import { createRunContext, type RunContextOptions } from '../../shared/runtime/run-context.ts';
import type { WithDefaults } from './with-defaults.ts';

/** Which models on which data; defaults are those of `regmean evaluate`. */
export type EvaluateRequest = WithDefaults<EvaluateOptions, keyof typeof evaluateDefaults>;

/** Scores models on labelled data files, every model on every file, as `regmean evaluate` does. */
export async function evaluate(
  request: EvaluateRequest,
  run: RunContextOptions = {},
): Promise<readonly Score[]> {
  return evaluateModels({ ...evaluateDefaults, ...request }, createRunContext(run));
}
