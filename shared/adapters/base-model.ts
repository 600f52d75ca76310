/**
 * @file The base of an adapter: its configuration, and its tensors under the names of its graph.
 */
import { isAbsolute, join } from 'node:path';
import { RegmeanError } from '../errors.ts';
import { isFolder } from '../files/present.ts';
import type { TensorNames } from '../formats/model-format.ts';
import { openModel } from '../formats/open-model.ts';
import type { Architecture } from '../models/architecture.ts';
import { headOutputs, numberedClasses } from '../models/classes.ts';
import { findLinearLayers } from '../models/linear-layers.ts';
import { buildModelGraph, type ModelGraph } from '../models/model-graph.ts';
import { architectureOf, isKnownArchitecture } from '../models/registry.ts';
import type { ParameterDeclaration } from '../models/scope.ts';
import type { TaskKind } from '../task.ts';
import { firstNotFinite } from '../tensor.ts';
import type { AdapterConfig } from './adapter-config.ts';

/** An open base model. */
export interface BaseModel {
  readonly folder: string;
  readonly configJson: Readonly<Record<string, unknown>>;
  /** The same as it was read. */
  readonly configText: string;
  /** The family; null where it is not known, so that nothing but the stored tensors is. */
  readonly architecture: Architecture | null;
  /** How the family calls what files hold. */
  readonly names: TensorNames;
  /** Weights of linear layers that are stored [in, out]; none of a family that is not known. */
  readonly inOutWeights: ReadonlySet<string>;
  /** Parameter -> shape, of the tensors that the base holds. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /**
   * Values of a parameter.
   *
   * @throws RegmeanError `invalid-input` when one is not finite
   */
  read(parameter: string): Promise<Float32Array>;
  close(): Promise<void>;
}

/** The folder of the base: the one given, else the one that the adapter names. */
export async function baseFolderOf(
  adapter: string,
  base: string | undefined,
  { baseName }: AdapterConfig,
): Promise<string> {
  if (base !== undefined) return base;
  for (const path of baseName === null ? [] : [baseName, join(adapter, baseName)]) {
    if (path === baseName && !isAbsolute(path)) continue;
    if (await isFolder(path)) return path;
  }
  const named = baseName === null ? '' : `, ${adapter} was made from "${baseName}"`;
  const sought =
    baseName === null || isAbsolute(baseName)
      ? ''
      : `, seen from the adapter ${join(adapter, baseName)}, no folder`;
  throw new RegmeanError('usage', `--base: needed: the folder of the base model${named}${sought}`);
}

/** Opens the base of an adapter for a task. */
export async function openBaseModel(folder: string, task: TaskKind): Promise<BaseModel> {
  const model = await openModel(folder);
  try {
    const { config, weights, names } = model;
    if (model.hasFixedHead) {
      throw new RegmeanError('unsupported', `${folder}: the base of an adapter cannot be ${model.kind}`);
    }
    const { json: configJson, text: configText } = config;
    const { model_type: modelType } = configJson;
    const architecture = isKnownArchitecture(modelType) ? architectureOf(modelType) : null;
    const graph = architecture === null ? null : graphOf(architecture, configJson, task, 1);
    const layers = graph === null ? [] : findLinearLayers(graph).layers;
    return {
      folder,
      configJson,
      configText,
      architecture,
      names,
      inOutWeights: new Set(
        layers.flatMap(({ weight, orientation }) => (orientation === 'in-out' ? [weight] : [])),
      ),
      shapes: new Map([...weights.tensors].map(([name, { shape }]) => [name, shape])),
      async read(parameter) {
        const { data } = await weights.readFloat32(parameter);
        const at = firstNotFinite(data);
        if (at < 0) return data;
        throw new RegmeanError(
          'invalid-input',
          `${folder}: tensor ${parameter} must be finite, got ${data[at]} at element ${at}`,
        );
      },
      close: () => model.close(),
    };
  } catch (error) {
    await model.close();
    throw error;
  }
}

/** The graph of a model with a head for the task. */
function graphOf(
  architecture: Architecture,
  configJson: BaseModel['configJson'],
  task: TaskKind,
  labelCount: number,
): ModelGraph {
  const config = architecture.parseConfig(configJson);
  const head = headOutputs(task, numberedClasses(labelCount));
  return buildModelGraph({ architecture, config, task, ...head }, { withLoss: false, dropoutSeed: null });
}

/** The parameters of a model with a head for the task. */
export function parametersOf(
  architecture: Architecture,
  configJson: BaseModel['configJson'],
  task: TaskKind,
  labelCount: number,
): ReadonlyMap<string, ParameterDeclaration> {
  return graphOf(architecture, configJson, task, labelCount).parameters;
}
