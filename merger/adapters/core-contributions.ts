/**
 * @file Adapters as contributions that every method can merge: a weight that they change is its
 *   change in the space that the adapters have in common, and the base has zero there; what they
 *   hold as a whole is as it is. Nothing else is a parameter.
 */
import type { AdapterFactors, WeightFactors } from '../../shared/adapters/adapter-factors.ts';
import { type Contribution, checkedConfig } from '../../shared/contribution/open-contribution.ts';
import { RegmeanError } from '../../shared/errors.ts';
import type { OpenModel } from '../../shared/formats/model-format.ts';
import type { Gemm } from '../../shared/linalg/gemm.ts';
import type { Matrix } from '../../shared/linalg/matrix.ts';
import { indexLayers, type LayerIndex } from '../../shared/models/layer-index.ts';
import type { TensorEntry } from '../../shared/safetensors/header.ts';
import type { TensorReader } from '../../shared/safetensors/open-safetensors.ts';
import { sizeOf } from '../../shared/tensor.ts';
import { type CoreChanges, coreChanges, coreShape } from './core-space.ts';

/** Changes of weights in the space that adapters have in common. */
export interface CoreSpace {
  /** Weight -> [p, q] */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** Those of one weight; the last one that was asked for is kept. */
  changesOf(weight: string): Promise<CoreChanges>;
}

/**
 * The space of some adapters.
 *
 * @throws RegmeanError `invalid-input` when they do not change the same weights, naming one
 */
export function openCoreSpace(gemm: Gemm, adapters: readonly NamedAdapter[]): CoreSpace {
  const [first, ...others] = adapters;
  for (const other of others) requireSameTargets(first as NamedAdapter, other);
  const factorsOf = (weight: string): readonly WeightFactors[] =>
    adapters.flatMap(({ adapter }) => adapter.updates.get(weight) ?? []);
  const weights = [...(first?.adapter.updates.keys() ?? [])];
  let last: { readonly weight: string; readonly changes: Promise<CoreChanges> } | undefined;
  return {
    shapes: new Map(weights.map((weight) => [weight, coreShape(factorsOf(weight))])),
    changesOf(weight) {
      if (last?.weight !== weight) last = { weight, changes: coreChanges(gemm, weight, factorsOf(weight)) };
      return last.changes;
    },
  };
}

/** An adapter, and whose it is. */
export interface NamedAdapter {
  readonly agent: string;
  readonly adapter: AdapterFactors;
}

function requireSameTargets(first: NamedAdapter, other: NamedAdapter): void {
  const lacking = (one: NamedAdapter, two: NamedAdapter): string | undefined =>
    [...one.adapter.updates.keys()].find((weight) => !two.adapter.updates.has(weight));
  for (const [one, two] of [
    [first, other],
    [other, first],
  ] as const) {
    const weight = lacking(one, two);
    if (weight === undefined) continue;
    throw new RegmeanError(
      'invalid-input',
      `target_modules: must be the same, ${one.agent} changes ${weight}, ${two.agent} does not`,
      {
        hint: 'train all adapters with the same target_modules, or merge full models: `regmean adapter` writes them',
      },
    );
  }
}

/**
 * One of the adapters as a contribution.
 *
 * @param index which of the adapters of the space
 * @param base their open base
 */
export function coreContribution(
  { agent, adapter }: NamedAdapter,
  index: number,
  space: CoreSpace,
  base: OpenModel,
): Contribution {
  const { folder, file, task, labels, whole, manifest } = adapter;
  const stored = new Map(
    [...whole].flatMap(([parameter, tensor]): [string, TensorEntry][] => {
      const entry = file.tensors.get(tensor);
      return entry === undefined ? [] : [[parameter, entry]];
    }),
  );
  const named = (parameter: string): string => whole.get(parameter) ?? parameter;
  const rest: TensorReader = {
    path: file.path,
    tensors: stored,
    readFloat32: (name) => file.readFloat32(named(name)),
    readFloat32Range: (name, start, end) => file.readFloat32Range(named(name), start, end),
    readFloat64: (name) => file.readFloat64(named(name)),
    readBytes: (name) => file.readBytes(named(name)),
    close: async () => {},
  };
  const weights = withCores(rest, space, async (weight) => {
    const { cores } = await space.changesOf(weight);
    return (cores[index] as Matrix).data;
  });
  const model: OpenModel = {
    ...base,
    ...{ path: folder, folder, kind: 'a LoRA adapter', kinds: 'LoRA adapters', weights, task },
    classNames: async () => labels,
    parametersFor: (ofTask, classes) => {
      const declared = base.parametersFor(ofTask, classes);
      return declared === null ? null : new Map([...declared].filter(([name]) => weights.tensors.has(name)));
    },
    surplusBeside: () => [],
  };
  return {
    ...{ folder, agent, manifest, model, weights },
    config: {
      ...checkedConfig(base.folder, base.config.json),
      ...(task === 'regression' ? { problem_type: 'regression' } : {}),
    },
    labels: labels.length === 0 ? undefined : labels,
    grams: undefined,
    fisher: undefined,
    norms: undefined,
    outputGrams: undefined,
    close: () => adapter.close(),
  };
}

/** The base as adapters see it: it has not changed what they change. */
export function coreBase(base: OpenModel, space: CoreSpace, whole: Iterable<string>): OpenModel {
  const stored = new Map(
    [...whole].flatMap((parameter): [string, TensorEntry][] => {
      const entry = base.weights.tensors.get(parameter);
      return entry === undefined ? [] : [[parameter, entry]];
    }),
  );
  const none = async (weight: string): Promise<Float64Array> =>
    new Float64Array(sizeOf(space.shapes.get(weight) ?? []));
  return { ...base, weights: withCores({ ...base.weights, tensors: stored }, space, none) };
}

/** Tensors, and the changes of weights among them. */
function withCores(
  rest: TensorReader,
  { shapes }: CoreSpace,
  valuesOf: (weight: string) => Promise<Float64Array>,
): TensorReader {
  const cores = [...shapes].map(([name, shape]): [string, TensorEntry] => [
    name,
    { dtype: 'F64', shape, byteOffset: 0, byteLength: 8 * sizeOf(shape) },
  ]);
  return {
    path: rest.path,
    tensors: new Map([...cores, ...rest.tensors]),
    async readFloat32(name) {
      const shape = shapes.get(name);
      if (shape === undefined) return rest.readFloat32(name);
      return { shape, data: Float32Array.from(await valuesOf(name)) };
    },
    async readFloat32Range(name, start, end) {
      if (!shapes.has(name)) return rest.readFloat32Range(name, start, end);
      return Float32Array.from((await valuesOf(name)).subarray(start, end));
    },
    async readFloat64(name) {
      return shapes.has(name) ? (await valuesOf(name)).slice() : rest.readFloat64(name);
    },
    async readBytes(name) {
      return shapes.has(name) ? new Uint8Array((await valuesOf(name)).slice().buffer) : rest.readBytes(name);
    },
    close: rest.close,
  };
}

/**
 * The linear layers among what adapters change: every weight with factors is one, stored [out, in]
 * as its factors are; those that adapters hold as a whole are the model's.
 */
export function coreLayers(space: CoreSpace, known: LayerIndex | null): LayerIndex {
  const own = known?.layers ?? [];
  const byWeight = new Map(own.map((layer) => [layer.weight, layer]));
  const changed = [...space.shapes].map(([weight, [outputs = 0, inputs = 0]]) => ({
    module: byWeight.get(weight)?.module ?? weight.replace(/\.weight$/, ''),
    ...{ weight, bias: null, orientation: 'out-in' as const, inputs, outputs, gram: null },
    kind: 'encoder' as const,
  }));
  return indexLayers([...changed, ...own.filter(({ weight }) => !space.shapes.has(weight))]);
}
