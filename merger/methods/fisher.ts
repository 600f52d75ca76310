/**
 * @file Fisher-weighted averaging (Matena and Raffel, 2021; Section 3.1 of the RegMean paper):
 *   every parameter is a mean weighted by how much the agents' likelihoods depend on it.
 *
 *     theta = sum_i c_i w_i theta_i / sum_i c_i w_i,   w_i = (F_i + s) / n_i
 *
 * F_i is agent i's diagonal Fisher information, s the smoothing, n_i = 1, or ||F_i|| + s over one
 * tensor or over all merged tensors of the agent. The smoothing inside the normalisation is how the
 * paper's published code has it.
 */

import type { Contribution } from '../../shared/contribution/open-contribution.ts';
import type { FisherFile } from '../../shared/contribution/open-fisher.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { readFloatBlocks } from '../../shared/safetensors/float-blocks.ts';
import { sizeOf } from '../../shared/tensor.ts';
import { z } from '../../shared/zod.ts';
import { meanStep } from './mean-step.ts';
import type { MergeInputs, MergeStep } from './merge-step.ts';
import { defineMethod } from './method.ts';
import { option } from './option.ts';

/** Values that are merged at a time. */
const blockValues = 1 << 20;

export const fisher = defineMethod({
  name: 'fisher',
  title: 'Fisher-weighted averaging',
  description: 'every parameter is a mean weighted by how much the agents’ likelihoods depend on it',
  paper: {
    citation: 'Matena and Raffel, 2021',
    title: 'Merging Models with Fisher-Weighted Averaging',
    link: 'https://arxiv.org/abs/2111.09832',
    where: 'section 3; section 3.1 of the RegMean paper',
  },
  options: z.object({
    fisherNormalize: option(z.enum(['none', 'parameter', 'model']).default('none'), {
      help: 'divide Fisher information by its norm over each parameter, or the model',
      label: 'Fisher normalization',
      value: 'by',
    }),
    fisherSmoothing: option(z.number().min(0).default(1e-10), {
      help: 'added to all Fisher information',
      label: 'Fisher smoothing',
    }),
  }),
  needs: () => ['fisher'],
  settings: (options) => options,
  steps(inputs, settings) {
    const files = inputs.contributions.flatMap(({ fisher: file }) => file ?? []);
    for (const contribution of inputs.contributions) requireParameters(contribution);
    requireSameKind(files, inputs.contributions);
    const modelNorms = remember(() => Promise.all(files.map((file) => normOf(file, inputs.allParameters))));
    return inputs.parameters.map((parameter) =>
      inputs.isAveraged(parameter)
        ? meanStep(inputs, parameter)
        : fisherStep(inputs, settings, files, parameter, modelNorms),
    );
  },
});

interface FisherSettings {
  readonly fisherSmoothing: number;
  readonly fisherNormalize: 'none' | 'parameter' | 'model';
}

function fisherStep(
  { contributions, coefficients }: MergeInputs,
  { fisherSmoothing, fisherNormalize }: FisherSettings,
  files: readonly FisherFile[],
  parameter: string,
  modelNorms: () => Promise<readonly number[]>,
): MergeStep {
  const size = sizeOf(contributions[0]?.weights.tensors.get(parameter)?.shape ?? [0]);
  return {
    name: parameter,
    parameters: [parameter],
    // Three blocks in float64; of one contribution two in float32.
    bytes: Math.min(size, blockValues) * (3 * 8 + 2 * 4),
    async run(output) {
      const norms =
        fisherNormalize === 'none'
          ? files.map(() => 1)
          : (fisherNormalize === 'model'
              ? await modelNorms()
              : await Promise.all(files.map((file) => normOf(file, [parameter])))
            ).map((norm) => norm + fisherSmoothing);
      for (let start = 0; start < size; start += blockValues) {
        const end = Math.min(size, start + blockValues);
        const weighted = new Float64Array(end - start);
        const weights = new Float64Array(end - start);
        const mean = new Float64Array(end - start);
        for (const [index, contribution] of contributions.entries()) {
          const file = files[index] as FisherFile;
          const values = await contribution.weights.readFloat32Range(parameter, start, end);
          const information = file.tensors.has(parameter)
            ? await file.readFloat32Range(parameter, start, end)
            : new Float32Array(end - start);
          const coefficient = coefficients[index] as number;
          const scale = coefficient / positive(norms[index] as number);
          for (let i = 0; i < values.length; i++) {
            const weight = scale * ((information[i] as number) + fisherSmoothing);
            weights[i] = (weights[i] as number) + weight;
            weighted[i] = (weighted[i] as number) + weight * (values[i] as number);
            mean[i] = (mean[i] as number) + coefficient * (values[i] as number);
          }
        }
        // Where no agent's likelihood depends on a parameter and nothing is added, the mean is
        // left.
        for (let i = 0; i < mean.length; i++) {
          if ((weights[i] as number) > 0) mean[i] = (weighted[i] as number) / (weights[i] as number);
        }
        await output.write(parameter, mean, start);
      }
      return undefined;
    },
  };
}

/** The Euclidean norm of the Fisher information of some parameters. */
async function normOf(file: FisherFile, parameters: readonly string[]): Promise<number> {
  let sum = 0;
  for (const parameter of parameters) {
    if (!file.tensors.has(parameter)) continue;
    for await (const { values } of readFloatBlocks(file, parameter)) {
      for (const value of values) sum += value * value;
    }
  }
  return Math.sqrt(sum);
}

/** Checks that Fisher information is of the model's parameters. */
function requireParameters({ fisher: file, weights }: Contribution): void {
  for (const [name, { shape }] of file?.tensors ?? []) {
    const size = weights.tensors.get(name)?.shape;
    if (size !== undefined && sizeOf(size) === sizeOf(shape)) continue;
    const problem =
      size === undefined ? 'is no parameter of the model' : 'must have the shape of its parameter';
    throw new RegmeanError('invalid-input', `${file?.path}: tensor ${name} ${problem}`);
  }
}

/**
 * Fisher information of different kinds has different scales and cannot weigh one agent against
 * another.
 */
function requireSameKind(files: readonly FisherFile[], contributions: readonly Contribution[]): void {
  const kindOf = ({ variant, reduction }: FisherFile): string | undefined =>
    variant === undefined ? undefined : `${variant}, by ${reduction}`;
  const first = files.findIndex((file) => kindOf(file) !== undefined);
  for (const [index, file] of files.entries()) {
    const [own, other] = [kindOf(file), kindOf(files[first] ?? file)];
    if (own === undefined || own === other) continue;
    throw new RegmeanError(
      'invalid-input',
      `Fisher information must be of one kind, ${contributions[first]?.agent} has ${other}, ` +
        `${contributions[index]?.agent} has ${own}`,
    );
  }
}

/** A norm to divide by; Fisher information that is all zero stays zero. */
function positive(norm: number): number {
  return norm > 0 ? norm : 1;
}

function remember<T>(compute: () => Promise<T>): () => Promise<T> {
  let known: Promise<T> | undefined;
  return () => {
    known ??= compute();
    return known;
  };
}
