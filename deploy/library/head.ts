import { headStatisticsDefaults } from '../../agent/statistics/statistics-options.ts';
import {
  collectHeadStatistics as collect,
  type HeadStatisticsOptions,
  type HeadStatisticsResult,
} from '../../agent/steps/head-statistics.ts';
import { ridgeDefaults } from '../../merger/heads/ridge-head.ts';
import { type FitHeadOptions, fitHead as fitToAll } from '../../merger/merge/fit-head.ts';
import type { HeadReport } from '../../merger/merge/merge-report.ts';
import { createRunContext, type RunContextOptions } from '../../shared/runtime/run-context.ts';
import type { WithDefaults } from './with-defaults.ts';

/** Which model's head, over which data; defaults are those of `regmean head-stats`. */
export type HeadStatisticsRequest = WithDefaults<
  HeadStatisticsOptions,
  keyof typeof headStatisticsDefaults | 'agent'
>;

/** What a head is fitted to; defaults are those of `regmean head`. */
export type FitHeadRequest = WithDefaults<FitHeadOptions, keyof typeof ridgeDefaults>;

/**
 * Collects what an agent's data say of a merged model's head, as `regmean head-stats` does.
 *
 * @throws RegmeanError `interrupted` when the signal stopped it: nothing is written then
 */
export async function collectHeadStatistics(
  request: HeadStatisticsRequest,
  run: RunContextOptions = {},
): Promise<HeadStatisticsResult> {
  return collect({ ...headStatisticsDefaults, agent: 'agent', ...request }, createRunContext(run));
}

/** Fits one head of a merged model to the data of all agents, as `regmean head` does. */
export async function fitHead(request: FitHeadRequest, run: RunContextOptions = {}): Promise<HeadReport> {
  return fitToAll({ ...ridgeDefaults, ...request }, createRunContext(run));
}
