/**
 * @file What is known of a layer's outputs for each agent, H_i [n, n]: the covariance of their
 *   gradients that the agent sent, or what the change D_i [n, d] of its weights tells of it.
 *
 *     H_i = f (C_i + eps tr(C_i) / n I),   C_i = D_i D_i^T, or the mean over examples that was sent
 */
import { gramLayers } from '../../shared/contribution/gram-layers.ts';
import { type GramFile, gramFactor } from '../../shared/contribution/open-grams.ts';
import { RegmeanError } from '../../shared/errors.ts';
import {
  addScaled,
  addToDiagonal,
  frobeniusNorm,
  type Matrix,
  scaleRows,
  traceOf,
  zeros,
} from '../../shared/linalg/matrix.ts';
import { listed } from '../../shared/listed.ts';
import { baseOf } from './base-values.ts';
import type { SolvedLayer } from './layer-groups.ts';
import type { MergeInputs } from './merge-step.ts';

/** What H_i is made from. */
export interface OutputSettings {
  readonly outputs: 'weights' | 'gradients';
  /** Share of the mean diagonal entry that is added to the diagonal of H_i. */
  readonly outputsEps: number;
  /** `trace`: H_i is divided by its trace, as G_i is. */
  readonly covarianceNormalize?: 'none' | 'trace';
}

/** H_i of one agent. */
export interface OutputCovariance {
  /** H X [n, d] */
  times(x: Matrix): Promise<Matrix>;
  /** sum <- sum + H */
  addTo(sum: Matrix): Promise<void>;
}

/** Where H_i comes from. */
export interface OutputCovariances {
  /** Whether it is known of a layer. */
  has(layer: SolvedLayer): boolean;
  /**
   * H_i of a layer that has it.
   *
   * @param change D_i [n, d]; not changed
   */
  of(layer: SolvedLayer, index: number, change: Matrix): Promise<OutputCovariance>;
}

/** Where H_i comes from, as settings say. */
export function outputCovariances(inputs: MergeInputs, settings: OutputSettings): OutputCovariances {
  return settings.outputs === 'weights' ? fromWeights(inputs, settings) : fromGradients(inputs, settings);
}

/** H is applied by the change that it is made of, which has fewer columns or as many. */
function fromWeights(inputs: MergeInputs, settings: OutputSettings): OutputCovariances {
  const { gemm } = inputs;
  return {
    has: ({ weight }) => baseOf(inputs, weight) !== undefined,
    async of(_layer, _index, change) {
      const { added, factor } = shrinkage(settings, frobeniusNorm(change) ** 2, change.rows);
      return {
        async times(x) {
          const inner = zeros(change.columns, x.columns);
          await gemm.accumulate(change, x, inner, { transA: true });
          const result = zeros(x.rows, x.columns);
          await gemm.accumulate(change, inner, result);
          addScaled(result, added, x);
          scaleRows(result, new Float64Array(result.rows).fill(factor));
          return result;
        },
        async addTo(sum) {
          const own = zeros(change.rows, change.rows);
          await gemm.accumulate(change, change, own, { transB: true });
          addToDiagonal(own, added);
          addScaled(sum, factor, own);
        },
      };
    },
  };
}

/** H as agents sent it, read when it is its turn. */
function fromGradients(inputs: MergeInputs, settings: OutputSettings): OutputCovariances {
  const { gemm, contributions, layers } = inputs;
  const files = contributions.map(({ outputGrams }) => outputGrams as GramFile);
  const modules = files.map((file) => {
    const { byModule, strangers } = gramLayers(file, layers);
    if (byModule.size > 0 || strangers.length === 0) return byModule;
    throw new RegmeanError(
      'invalid-input',
      `${file.path}: output Grams must belong to layers of the models, there are ${listed(strangers)}`,
    );
  });
  return {
    has({ module, outputs }) {
      const lacking = modules.findIndex((own) => !own.has(module));
      const having = modules.findIndex((own) => own.has(module));
      if (having < 0) return false;
      if (lacking >= 0) {
        const [own, other] = [contributions[lacking]?.agent, contributions[having]?.agent];
        throw new RegmeanError(
          'invalid-input',
          `${files[lacking]?.path}: no output Gram of layer ${module}; ${other} has one, ${own} not`,
          { hint: 'collect those of all layers: `regmean stats --output-grams empirical` does' },
        );
      }
      for (const [index, file] of files.entries()) {
        const name = modules[index]?.get(module) ?? '';
        const dimension = file.grams.get(name)?.dimension;
        if (dimension === outputs) continue;
        throw new RegmeanError(
          'invalid-input',
          `${file.path}: output Gram ${name} of dimension ${dimension} does not fit layer ${module} with ${outputs} outputs`,
        );
      }
      return true;
    },
    async of({ module, outputs: n }, index) {
      const file = files[index] as GramFile;
      const name = modules[index]?.get(module) as string;
      const mean = gramFactor(file, name, 'mean');
      const data = await file.readSquare(name, { diagonal: mean, offDiagonal: mean });
      const own: Matrix = { rows: n, columns: n, data };
      const { added, factor } = shrinkage(settings, traceOf(own), n);
      addToDiagonal(own, added);
      return {
        async times(x) {
          const result = zeros(n, x.columns);
          await gemm.accumulate(own, x, result);
          scaleRows(result, new Float64Array(n).fill(factor));
          return result;
        },
        addTo: async (sum) => addScaled(sum, factor, own),
      };
    },
  };
}

/** H = factor (C + added I), for C [n, n] with this trace. */
function shrinkage(
  { outputsEps, covarianceNormalize = 'none' }: OutputSettings,
  trace: number,
  n: number,
): { readonly added: number; readonly factor: number } {
  const factor = covarianceNormalize === 'none' || trace === 0 ? 1 : 1 / trace;
  return { added: (outputsEps * trace) / n, factor };
}
