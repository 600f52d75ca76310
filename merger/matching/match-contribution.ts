/** @file Matches the neurons of one model to another's before a merge (paper, Appendix D). */
import { join } from 'node:path';
import { type Contribution, openContribution } from '../../shared/contribution/open-contribution.ts';
import { requireUnchanged } from '../../shared/contribution/require-unchanged.ts';
import type { DataColumns } from '../../shared/data/column-names.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { writeFolderAtomically } from '../../shared/files/atomic-folder.ts';
import { writeAllAtomically, writeJsonAtomically } from '../../shared/files/atomic-write.ts';
import { requireGraphModel } from '../../shared/formats/model-format.ts';
import { loadModelExamples } from '../../shared/inference/load-examples.ts';
import { createGemm, type Gemm } from '../../shared/linalg/gemm.ts';
import { type Matrix, zeros } from '../../shared/linalg/matrix.ts';
import type { LinearLayer } from '../../shared/models/linear-layers.ts';
import type { Model } from '../../shared/models/model-folder.ts';
import { buildModelGraph } from '../../shared/models/model-graph.ts';
import { findStackedLayers, type StackedLayers } from '../../shared/models/stacked-layers.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import { writeSafetensors } from '../../shared/safetensors/write-safetensors.ts';
import type { TaskKind } from '../../shared/task.ts';
import { sameShape } from '../../shared/tensor.ts';
import { activationSimilarities } from './activation-similarity.ts';
import { assign } from './assign.ts';
import { groundMetric } from './ground-metric.ts';
import { matchingPage } from './match-page.ts';
import { type MatchReport, matchedFolder, matchReportFile } from './match-report.ts';
import { permuteContribution } from './permute-contribution.ts';

/** What to match. */
export interface MatchOptions {
  /** Contribution or model folder that stays as it is. */
  readonly left: string;
  /** The one whose neurons change places. */
  readonly right: string;
  /**
   * Folder for the permuted contribution, the matrices and the report; an earlier matching there is
   * replaced.
   */
  readonly out: string;
  readonly by: 'weights' | 'activations';
  readonly task: TaskKind;
  /** Texts that activations are compared on. */
  readonly dataFiles?: readonly string[];
  readonly columns?: DataColumns;
  readonly maxLength?: number;
}

const cornerSize = 48;

/**
 * Finds for every pair of stacked linear layers the order of the right model's neurons that fits
 * the left model's best, and writes `contribution/` (the right contribution in that order, the same
 * function), `matching.json`, `matrices.safetensors` and `matrices.html`.
 *
 * @throws RegmeanError `invalid-input` when the models differ in their layers; `unsupported` for
 *   TensorFlow.js models; `usage` without data for activations
 */
export async function matchContribution(options: MatchOptions, context: RunContext): Promise<MatchReport> {
  const gemm = createGemm(context.compute);
  const left = await openContribution(options.left);
  try {
    const right = await openContribution(options.right);
    try {
      // What is written has a manifest of its own, which would vouch for them.
      for (const contribution of [left, right]) await requireUnchanged(contribution);
      return await matchOpen(gemm, left, right, options, context);
    } finally {
      await right.close();
    }
  } finally {
    await left.close();
    await gemm.dispose();
  }
}

async function matchOpen(
  gemm: Gemm,
  left: Contribution,
  right: Contribution,
  options: MatchOptions,
  context: RunContext,
): Promise<MatchReport> {
  const load = async ({ model }: Contribution): Promise<Model> => {
    const own = requireGraphModel(
      model,
      (kinds) => `neurons of ${kinds} cannot be matched, only merged as they are`,
    );
    return (await own.load({ task: options.task })).model;
  };
  const [leftModel, rightModel] = [await load(left), await load(right)];
  const stacked = findStackedLayers(buildModelGraph(leftModel, { withLoss: false, dropoutSeed: null }));
  if (stacked.length === 0) {
    throw new RegmeanError(
      'unsupported',
      `${options.left}: no two linear layers are stacked without a residual`,
    );
  }
  requireSameLayers(stacked, leftModel, rightModel, options);
  const matrices =
    options.by === 'weights'
      ? await weightMatrices(gemm, stacked, leftModel, rightModel)
      : await activationMatrices(gemm, leftModel, rightModel, options, context);
  const orders = stacked.map(({ first, second }) => ({
    ...{ first, second },
    order: assign(matrices.get(first.module) as Matrix, options.by === 'weights' ? 'least' : 'most'),
  }));
  const report: MatchReport = {
    format: 'regmean-matching/1',
    by: options.by,
    left: left.agent,
    right: right.agent,
    layers: orders.map(({ first, second, order }) =>
      describe(first.module, second.module, order, matrices.get(first.module) as Matrix),
    ),
  };
  await writeFolderAtomically(
    options.out,
    async (folder) => {
      await permuteContribution(right, orders, join(folder, matchedFolder));
      await writeSafetensors(
        join(folder, 'matrices.safetensors'),
        [...matrices].map(([name, { rows, columns, data }]) => ({
          ...{ name, shape: [rows, columns] },
          data: Float32Array.from(data),
        })),
      );
      await writeJsonAtomically(join(folder, matchReportFile), report);
      await writeAllAtomically(join(folder, 'matrices.html'), matchingPage(report));
    },
    { replace: true },
  );
  return report;
}

async function weightMatrices(
  gemm: Gemm,
  stacked: readonly StackedLayers[],
  left: Model,
  right: Model,
): Promise<ReadonlyMap<string, Matrix>> {
  const matrices = new Map<string, Matrix>();
  for (const { first } of stacked) {
    matrices.set(first.module, await groundMetric(gemm, incoming(left, first), incoming(right, first)));
  }
  return matrices;
}

async function activationMatrices(
  gemm: Gemm,
  left: Model,
  right: Model,
  { left: folder, dataFiles = [], columns, maxLength }: MatchOptions,
  context: RunContext,
): Promise<ReadonlyMap<string, Matrix>> {
  if (dataFiles.length === 0) {
    throw new RegmeanError('usage', '--by activations: needs --data with texts to compare activations on');
  }
  const { examples } = await loadModelExamples(left, {
    files: dataFiles,
    columns,
    modelFolder: folder,
    labelled: false,
    maxLength,
  });
  return activationSimilarities(gemm, left, right, examples, context);
}

/** A layer's neurons: [neurons, inputs + 1], the bias last. */
function incoming({ weights }: Model, layer: LinearLayer): Matrix {
  const { inputs, outputs, orientation } = layer;
  const weight = weights.get(layer.weight)?.data ?? [];
  const bias = layer.bias === null ? undefined : weights.get(layer.bias)?.data;
  const matrix = zeros(outputs, inputs + 1);
  for (let row = 0; row < outputs; row++) {
    for (let column = 0; column < inputs; column++) {
      const at = orientation === 'out-in' ? row * inputs + column : column * outputs + row;
      matrix.data[row * (inputs + 1) + column] = weight[at] as number;
    }
    matrix.data[row * (inputs + 1) + inputs] = bias?.[row] ?? 0;
  }
  return matrix;
}

function describe(
  layer: string,
  next: string,
  order: Int32Array,
  { rows, columns, data }: Matrix,
): MatchReport['layers'][number] {
  let diagonal = 0;
  let all = 0;
  for (let i = 0; i < rows; i++) diagonal += data[i * columns + i] as number;
  for (const value of data) all += value;
  const corner = Math.min(rows, cornerSize);
  return {
    layer,
    next,
    dimension: rows,
    assignment: [...order],
    fixedShare: order.filter((from, to) => from === to).length / rows,
    meanDiagonal: diagonal / rows,
    meanOffDiagonal: rows === 1 ? 0 : (all - diagonal) / (rows * rows - rows),
    corner: Array.from({ length: corner }, (_, i) => [
      ...data.subarray(i * columns, i * columns + Math.min(columns, corner)),
    ]),
  };
}

function requireSameLayers(
  stacked: readonly StackedLayers[],
  left: Model,
  right: Model,
  options: MatchOptions,
): void {
  for (const name of stacked.flatMap(({ first, second }) => [first.weight, second.weight])) {
    const [ours, theirs] = [left.weights.get(name)?.shape, right.weights.get(name)?.shape];
    if (ours !== undefined && theirs !== undefined && sameShape(ours, theirs)) continue;
    throw new RegmeanError(
      'invalid-input',
      `parameter ${name}: ${options.left} and ${options.right} must both have it, in one shape`,
    );
  }
}
