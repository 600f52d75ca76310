import { type StatisticsOptions, statisticsDefaults } from '../../agent/statistics/statistics-options.ts';
import { collectStatistics as collect, type StatisticsResult } from '../../agent/steps/collect-statistics.ts';
import { createRunContext, type RunContextOptions } from '../../shared/runtime/run-context.ts';
import type { WithDefaults } from './with-defaults.ts';

/** Which statistics of which model; defaults are those of `regmean stats`. */
export type StatisticsRequest = WithDefaults<
  StatisticsOptions,
  keyof typeof statisticsDefaults | 'agent' | 'shareMetrics'
>;

/**
 * Collects what a merge needs of a fine-tuned model and writes the contribution, as `regmean stats`
 * does.
 *
 * @throws RegmeanError `interrupted` when the signal stopped it: nothing is written then
 */
export async function collectStatistics(
  request: StatisticsRequest,
  run: RunContextOptions = {},
): Promise<StatisticsResult> {
  const options = { ...statisticsDefaults, agent: 'agent', shareMetrics: false, ...request };
  return collect(options, createRunContext(run));
}
