/** @file A head that is fitted to the training data of all agents, on a merged encoder. */
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { collectHeadStatistics } from '../../agent/steps/head-statistics.ts';
import { fitHead } from '../../merger/merge/fit-head.ts';
import { withoutProgress } from '../../shared/runtime/run-context.ts';
import type { ExperimentContext } from './context.ts';
import type { FineTuned } from './fine-tune.ts';

/**
 * Puts a fitted head into a merged model.
 *
 * @param merged the model's folder, which is replaced
 */
export async function replaceHead(
  context: ExperimentContext,
  merged: string,
  models: readonly FineTuned[],
  ridge: number,
): Promise<void> {
  const { maxLength } = context.experiment.training;
  const { batchSize } = context.experiment.statistics;
  const parts = `${merged}-head`;
  const fitted = join(parts, 'fitted');
  const quiet = withoutProgress(context);
  try {
    const statistics: string[] = [];
    for (const { name, task, train, columns } of models) {
      const out = join(parts, `${name}.safetensors`);
      const data = { model: merged, task, dataFiles: train, columns, out, agent: name };
      await collectHeadStatistics({ ...data, batchSize, maxLength }, quiet);
      statistics.push(out);
    }
    await fitHead({ model: merged, statistics, out: fitted, ridge }, quiet);
    await rm(merged, { recursive: true });
    await cp(fitted, merged, { recursive: true });
  } finally {
    await rm(parts, { recursive: true, force: true });
  }
}
