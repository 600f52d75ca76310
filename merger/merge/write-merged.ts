/** @file The folder of a merge: a fused model, or, of adapters, a merged adapter. */
import { join } from 'node:path';
import type { AdapterFactors } from '../../shared/adapters/adapter-factors.ts';
import type { Contribution } from '../../shared/contribution/open-contribution.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import { weightsFile } from '../../shared/safetensors/model-weights.ts';
import {
  adapterOutput,
  adapterWeightsPath,
  fullRank,
  writeAdapterFiles,
} from '../adapters/adapter-output.ts';
import type { OpenAdapters } from '../adapters/open-adapters.ts';
import type { LayerGroupReport, MergeStep } from '../methods/merge-step.ts';
import { copyCompanions } from './companions.ts';
import { configChanges, specsOf } from './head-plan.ts';
import type { MergeOptions, ResolvedMergeOptions } from './merge-options.ts';
import type { MergeReport } from './merge-report.ts';
import type { MergeSources } from './open-sources.ts';
import { writeAgentModels } from './separate-heads.ts';
import { writeWeights } from './write-weights.ts';

/** What was written of a merge. */
export interface WrittenMerge {
  readonly groups: readonly LayerGroupReport[];
  readonly adapter: MergeReport['adapter'];
}

/** What becomes of a merge's steps. */
type WriteOptions = ResolvedMergeOptions & Pick<MergeOptions, 'out'>;

/** Writes what the steps of a merge give, into a folder that is new. */
export function writeMerged(
  folder: string,
  sources: MergeSources,
  options: WriteOptions,
  steps: readonly MergeStep[],
  context: RunContext,
): Promise<WrittenMerge> {
  const { adapters } = sources;
  return adapters === null
    ? writeModel(folder, sources, options, steps, context)
    : writeAdapter(folder, sources, adapters, options, steps, context);
}

/** Writes the fused model: weights, configuration, side files, and heads of agents' own. */
async function writeModel(
  folder: string,
  { contributions, heads, base }: MergeSources,
  options: WriteOptions,
  steps: readonly MergeStep[],
  context: RunContext,
): Promise<WrittenMerge> {
  const first = contributions[0] as Contribution;
  const specs = specsOf(first, heads);
  const groups = await writeWeights(
    { path: join(folder, weightsFile), specs, contributions, steps, out: options.out },
    context,
  );
  const changes = configChanges(first, options, heads);
  await copyCompanions(first.model, folder, { changes, base });
  await first.model.writeNetwork(folder);
  if (options.heads === 'separate') {
    await writeAgentModels(folder, contributions, new Set(heads.parameters), base);
  }
  return { groups, adapter: null };
}

/** Writes the merged adapter, as PEFT saves one. */
async function writeAdapter(
  folder: string,
  { contributions, heads, gemm }: MergeSources,
  { adapters, space, baseFingerprint }: OpenAdapters,
  { out, rank = fullRank(adapters) }: WriteOptions,
  steps: readonly MergeStep[],
  context: RunContext,
): Promise<WrittenMerge> {
  const first = adapters[0] as AdapterFactors;
  const shapes = new Map(
    specsOf(contributions[0] as Contribution, heads).map(({ name, shape }) => [name, shape]),
  );
  const { specs, into, rank: written } = adapterOutput(gemm, space, first, shapes, rank);
  const path = adapterWeightsPath(folder);
  const groups = await writeWeights({ path, specs, contributions, steps, out, into }, context);
  const labels = heads.united?.names ?? first.labels;
  await writeAdapterFiles(folder, first, { rank, labels, baseFingerprint });
  return { groups, adapter: written() };
}
