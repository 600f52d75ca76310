/**
 * @file What `import .. from 'regmean'` gives: a function for each thing that the commands do. All
 *   take a signal that stops them, and callbacks for progress and notes; see `RunContextOptions`.
 */
export { RegmeanError } from '../../shared/errors.ts';
export type { OpenModel } from '../../shared/formats/model-format.ts';
export { openModel } from '../../shared/formats/open-model.ts';
export type { ProgressEvent, RunContextOptions } from '../../shared/runtime/run-context.ts';
export { collectStatistics, type StatisticsRequest } from './collect-statistics.ts';
export { type EvaluateRequest, evaluate } from './evaluate.ts';
export {
  collectHeadStatistics,
  type FitHeadRequest,
  fitHead,
  type HeadStatisticsRequest,
} from './head.ts';
export { type CandidatesRequest, type MergeRequest, merge, mergeCandidates } from './merge.ts';
export { type PredictRequest, predict } from './predict.ts';
export { type AgentRequest, runAgent } from './run-agent.ts';
export { type RoundRequest, serveRound } from './serve-round.ts';
export { type TrainRequest, train } from './train.ts';
