/** @file A merged adapter: the factors of what a method makes of changes, and its configuration. */
import { join } from 'node:path';
import type { AdapterFactors, WeightFactors } from '../../shared/adapters/adapter-factors.ts';
import { adapterWeightsFile } from '../../shared/adapters/adapter-tensors.ts';
import { writeAdapterConfig } from '../../shared/adapters/write-adapter-config.ts';
import { identified } from '../../shared/contribution/base-identity.ts';
import { writeTrainingRecord } from '../../shared/contribution/training-record.ts';
import { RegmeanError } from '../../shared/errors.ts';
import type { Gemm } from '../../shared/linalg/gemm.ts';
import { type Matrix, zeros } from '../../shared/linalg/matrix.ts';
import type { TensorSpec } from '../../shared/safetensors/write-safetensors.ts';
import { sizeOf } from '../../shared/tensor.ts';
import type { MergeOutput } from '../methods/merge-step.ts';
import type { CoreSpace } from './core-contributions.ts';
import { changeFactors } from './core-space.ts';

/** The rank of a merged adapter, and how much of the merged changes it holds. */
export interface AdapterRank {
  readonly rank: number;
  /** Part of the squared norm of all merged changes; 1 where nothing was cut off. */
  readonly kept: number;
}

/** How a merged adapter is written. */
export interface AdapterOutput {
  /** The tensors of its file. */
  readonly specs: readonly TensorSpec[];
  /** Makes factors of merged changes, where `output` takes the tensors of the file. */
  into(output: MergeOutput): MergeOutput;
  /** What was cut off so far. */
  rank(): AdapterRank;
}

/** The name of the file that an adapter's weights are in. */
export function adapterWeightsPath(folder: string): string {
  return join(folder, adapterWeightsFile);
}

/** The lowest rank that holds whatever is merged of some adapters. */
export function fullRank(adapters: readonly AdapterFactors[]): number {
  const weights = [...(adapters[0]?.updates.keys() ?? [])];
  const rankOf = (weight: string): number =>
    adapters.reduce((sum, { updates }) => sum + (updates.get(weight)?.rank ?? 0), 0);
  return Math.max(0, ...weights.map(rankOf));
}

/**
 * Writes merged changes under the names of the first adapter's tensors.
 *
 * @param shapes those of the parameters that adapters hold as a whole, after the merge
 */
export function adapterOutput(
  gemm: Gemm,
  space: CoreSpace,
  first: AdapterFactors,
  shapes: ReadonlyMap<string, readonly number[]>,
  rank: number,
): AdapterOutput {
  const specs = [
    ...[...first.updates.values()].flatMap(({ tensors, inputs, outputs }) => [
      { name: tensors.a, shape: [rank, inputs], dtype: 'F32' as const },
      { name: tensors.b, shape: [outputs, rank], dtype: 'F32' as const },
    ]),
    ...[...first.whole].map(([parameter, name]) => ({
      ...{ name, dtype: 'F32' as const },
      shape: shapes.get(parameter) ?? first.file.tensors.get(name)?.shape ?? [],
    })),
  ].sort((a, b) => (a.name < b.name ? -1 : 1));
  let squaredNorm = 0;
  let keptNorm = 0;
  return {
    specs,
    into(output) {
      const parts = new Map<string, { readonly merged: Matrix; missing: number }>();
      return {
        async write(parameter, data, start = 0) {
          const factors = first.updates.get(parameter);
          if (factors === undefined) {
            return output.write(first.whole.get(parameter) ?? parameter, data, start);
          }
          const shape = space.shapes.get(parameter) ?? [];
          const part = parts.get(parameter) ?? { merged: emptyCore(shape), missing: sizeOf(shape) };
          parts.set(parameter, part);
          part.merged.data.set(data, start);
          part.missing -= data.length;
          if (part.missing > 0) return;
          parts.delete(parameter);
          const made = await changeFactors(
            gemm,
            parameter,
            await space.changesOf(parameter),
            part.merged,
            rank,
          );
          squaredNorm += made.squaredNorm;
          keptNorm += made.keptNorm;
          await writeFactors(output, factors, made);
        },
      };
    },
    rank: () => ({ rank, kept: isAll(keptNorm, squaredNorm) ? 1 : keptNorm / squaredNorm }),
  };
}

/** Whether what is left is the rounding of the sums. */
function isAll(kept: number, whole: number): boolean {
  return whole - kept <= 1e-12 * whole;
}

function emptyCore([rows = 0, columns = 0]: readonly number[]): Matrix {
  return zeros(rows, columns);
}

async function writeFactors(
  output: MergeOutput,
  { tensors }: WeightFactors,
  { a, b }: { readonly a: Matrix; readonly b: Matrix },
): Promise<void> {
  await output.write(tensors.a, a.data);
  await output.write(tensors.b, b.data);
}

/**
 * Writes adapter_config.json of a merged adapter, as the first adapter's but for the rank, and a
 * record of its base and classes.
 */
export async function writeAdapterFiles(
  folder: string,
  first: AdapterFactors,
  merged: {
    readonly rank: number;
    readonly labels: readonly string[];
    readonly baseFingerprint: string;
  },
): Promise<void> {
  const { rank, labels, baseFingerprint } = merged;
  await writeAdapterConfig(folder, first.config, rank);
  await writeTrainingRecord(folder, {
    task: first.task,
    labels: [...labels],
    ...identified(baseFingerprint),
  });
}

/**
 * Checks the rank that is asked for.
 *
 * @throws RegmeanError `usage` where no adapters are merged
 */
export function requireNoRank(rank: number | undefined): void {
  if (rank === undefined) return;
  throw new RegmeanError('usage', `rank: needs adapters, got ${rank} with models`, {
    hint: 'a rank is that of a merged LoRA adapter: merge adapters, or leave --rank out',
  });
}
