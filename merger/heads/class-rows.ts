/**
 * @file Heads with different classes. Every class is merged from the agents that know it, by the
 *   same method as everything else: for each set of agents, a merge of their rows of its classes
 *   (paper, Appendix B).
 */
import { layerWeight } from '../../shared/contribution/layer-weights.ts';
import type { Contribution } from '../../shared/contribution/open-contribution.ts';
import type { TensorReader } from '../../shared/safetensors/open-safetensors.ts';
import { sizeOf } from '../../shared/tensor.ts';
import type { MergeInputs, MergeOutput, MergeStep, MergeStrategy } from '../methods/merge-step.ts';
import type { UnitedLabels } from './label-spaces.ts';

/**
 * The steps that merge parameters with a row per class. The coefficients of the agents that know a
 * class sum to what all coefficients sum to.
 *
 * @param inputs its `parameters` are those with a row per class
 */
export function classRowSteps(
  strategy: MergeStrategy,
  inputs: MergeInputs,
  { names, rows }: UnitedLabels,
): readonly MergeStep[] {
  const classesOfSet = new Map<string, number[]>();
  for (const [id, ofClass] of rows.entries()) {
    const members = JSON.stringify(ofClass.flatMap((row, index) => (row === null ? [] : [index])));
    classesOfSet.set(members, [...(classesOfSet.get(members) ?? []), id]);
  }
  const sumOver = (members: readonly number[]): number =>
    members.reduce((total, index) => total + (inputs.coefficients[index] as number), 0);
  const whole = sumOver([...inputs.coefficients.keys()]);
  return [...classesOfSet].flatMap(([key, classes]) => {
    const members = JSON.parse(key) as number[];
    const sum = sumOver(members);
    const steps = strategy({
      ...inputs,
      base: inputs.base === undefined ? undefined : withoutTensors(inputs.base, new Set(inputs.parameters)),
      coefficients: members.map((index) => ((inputs.coefficients[index] as number) * whole) / sum),
      contributions: members.map((index) =>
        withRows(
          inputs,
          inputs.contributions[index] as Contribution,
          classes.map((id) => rows[id]?.[index] as number),
        ),
      ),
    });
    const label = `classes ${classes.map((id) => names[id]).join(', ')}`;
    return steps.map((step) => intoUnitedRows(step, inputs, classes, members, label));
  });
}

/** A step whose rows are written to the places that their classes have among all. */
function intoUnitedRows(
  step: MergeStep,
  { contributions }: MergeInputs,
  classes: readonly number[],
  members: readonly number[],
  label: string,
): MergeStep {
  const widthOf = (parameter: string): number =>
    sizeOf((contributions[members[0] ?? 0]?.weights.tensors.get(parameter)?.shape ?? [1]).slice(1));
  return {
    ...step,
    name: `${step.name}, ${label}`,
    async run(output) {
      const scattered: MergeOutput = {
        async write(parameter, data, start = 0) {
          const width = widthOf(parameter);
          for (let at = 0; at < data.length; ) {
            const row = Math.floor((start + at) / width);
            const offset = (start + at) % width;
            const count = Math.min(width - offset, data.length - at);
            const target = (classes[row] as number) * width + offset;
            await output.write(parameter, data.subarray(at, at + count), target);
            at += count;
          }
        },
      };
      const report = await step.run(scattered);
      if (report === undefined) return undefined;
      const rows = contributions.map((_, index) => report.rows[members.indexOf(index)] ?? null);
      return { ...report, name: `${report.name}, ${label}`, rows };
    },
  };
}

/**
 * A base that does not hold some parameters: its rows are of other classes than the contributions'.
 */
function withoutTensors(base: TensorReader, parameters: ReadonlySet<string>): TensorReader {
  return { ...base, tensors: new Map([...base.tensors].filter(([name]) => !parameters.has(name))) };
}

/**
 * A contribution of which only some rows of the merged parameters are seen, in the order given, and
 * no output Grams of their layers: these are of other outputs.
 */
function withRows(inputs: MergeInputs, contribution: Contribution, rows: readonly number[]): Contribution {
  const parameters = new Set(inputs.parameters);
  const { weights, fisher, outputGrams } = contribution;
  const isKept = (module: string): boolean =>
    !parameters.has(layerWeight(module, outputGrams?.weights ?? new Map(), inputs.layers).parameter);
  return {
    ...contribution,
    weights: { ...weights, ...selectRows(weights, parameters, rows) },
    fisher: fisher === undefined ? undefined : { ...fisher, ...selectRows(fisher, parameters, rows) },
    outputGrams:
      outputGrams === undefined
        ? undefined
        : { ...outputGrams, layers: new Map([...outputGrams.layers].filter(([module]) => isKept(module))) },
  };
}

function selectRows(
  reader: TensorReader,
  parameters: ReadonlySet<string>,
  rows: readonly number[],
): TensorReader {
  const tensors = new Map(
    [...reader.tensors].map(([name, entry]) =>
      parameters.has(name)
        ? [name, { ...entry, shape: [rows.length, ...entry.shape.slice(1)] }]
        : [name, entry],
    ),
  );
  const gather = <T extends Float32Array | Float64Array>(name: string, all: T): T => {
    const width = sizeOf((reader.tensors.get(name)?.shape ?? [1]).slice(1));
    const chosen = all.slice(0, rows.length * width) as T;
    for (const [place, row] of rows.entries()) {
      chosen.set(all.subarray(row * width, (row + 1) * width), place * width);
    }
    return chosen;
  };
  return {
    ...reader,
    tensors,
    async readFloat32(name) {
      const whole = await reader.readFloat32(name);
      if (!parameters.has(name)) return whole;
      return { shape: tensors.get(name)?.shape ?? [], data: gather(name, whole.data) };
    },
    async readFloat32Range(name, start, end, into) {
      if (!parameters.has(name)) return reader.readFloat32Range(name, start, end, into);
      return gather(name, (await reader.readFloat32(name)).data).slice(start, end);
    },
    async readFloat64(name, into) {
      if (!parameters.has(name)) return reader.readFloat64(name, into);
      return gather(name, await reader.readFloat64(name));
    },
  };
}
