/** @file An agent's part of a head that is fitted to the data of all agents. */
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeHeadStatistics } from '../../shared/contribution/head-statistics.ts';
import type { DataColumns } from '../../shared/data/column-names.ts';
import { noteCutRows } from '../../shared/examples/cut-rows.ts';
import { requireGraphModel } from '../../shared/formats/model-format.ts';
import { withModel } from '../../shared/formats/open-model.ts';
import { loadModelExamples } from '../../shared/inference/load-examples.ts';
import { noteSurplus } from '../../shared/models/surplus-tensors.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import type { TaskKind } from '../../shared/task.ts';
import { collectHead } from '../statistics/collect-head.ts';

/** Which model's head, over which data. */
export interface HeadStatisticsOptions {
  /** The merged model. */
  readonly model: string;
  readonly task: TaskKind;
  readonly dataFiles: readonly string[];
  readonly columns?: DataColumns | undefined;
  /** The file to write. */
  readonly out: string;
  readonly agent: string;
  readonly batchSize: number;
  readonly maxLength?: number | undefined;
}

/** What was collected. */
export interface HeadStatisticsResult {
  readonly out: string;
  readonly layer: string;
  readonly examples: number;
  readonly rows: number;
}

/**
 * Collects what an agent's data say of a merged model's head, and writes it.
 *
 * @param context stops the pass between two batches; nothing is written then
 * @throws RegmeanError when the model's head cannot be fitted so, or a row has no label that the
 *   model knows
 */
export function collectHeadStatistics(
  { model: path, task, dataFiles, columns, out, agent, batchSize, maxLength }: HeadStatisticsOptions,
  context: RunContext,
): Promise<HeadStatisticsResult> {
  return withModel(path, async (opened) => {
    const graphModel = requireGraphModel(opened, (kinds) => `heads of ${kinds} cannot be fitted`);
    const { model, surplus } = await graphModel.load({ task });
    noteSurplus({ model: path, task, surplus }, context);
    const { examples, truncated } = await loadModelExamples(model, {
      ...{ files: dataFiles, columns, maxLength, modelFolder: opened.folder, labelled: true },
    });
    noteCutRows(dataFiles.join(', '), truncated, context);
    const head = await collectHead(model, examples, { batchSize }, context);
    const description = { agent, task, classes: [...model.classes], model: await opened.fingerprint() };
    await mkdir(dirname(out), { recursive: true });
    await writeHeadStatistics(out, { ...description, ...head, examples: examples.length });
    return { out, layer: head.layer, examples: examples.length, rows: head.rows };
  });
}
