/**
 * @file Reads and writes Hugging Face model folders: config.json, the weights under their exact
 *   names, the rest copied.
 */
import { join } from 'node:path';
import { RegmeanError } from '../errors.ts';
import type { FloatDtype } from '../safetensors/dtype.ts';
import { weightsFile } from '../safetensors/model-weights.ts';
import type { TensorReader } from '../safetensors/open-safetensors.ts';
import { writeSafetensors } from '../safetensors/write-safetensors.ts';
import type { TaskKind } from '../task.ts';
import { type FloatTensor, firstNotFinite, formatShape, type StateDict, sameShape } from '../tensor.ts';
import type { Architecture } from './architecture.ts';
import { classesInConfig, headOutputs } from './classes.ts';
import { withFolderNamed } from './config.ts';
import type { ConfigText } from './config-json.ts';
import { initialTensor } from './initialize.ts';
import { buildModelGraph, type ModelIdentity } from './model-graph.ts';
import { architectureOf } from './registry.ts';
import type { ParameterDeclaration } from './scope.ts';
import { copySideFiles } from './side-files.ts';
import { surplusOf } from './surplus-tensors.ts';
import { headMembers, writeConfig } from './written-config.ts';

/** A model in memory. */
export interface Model extends ModelIdentity {
  /** config.json as it was read, unknown fields included, from which it is written again. */
  readonly configText: string;
  /** Every parameter, float32, in the order of the model. */
  readonly weights: StateDict;
  /** Names of the parameters that belong to the task head. */
  readonly headParameters: ReadonlySet<string>;
}

/** What a folder's weights are loaded for. */
export interface LoadRequest {
  readonly task: TaskKind;
  /** Classes of the head, none for regression; config.json's `id2label` when absent. */
  readonly classes?: readonly string[];
  /** Makes the head's missing parameters from this seed; without it they are an error. */
  readonly headSeed?: number;
}

/** A loaded model, and what was made or left out on the way. */
export interface LoadedModel {
  readonly model: Model;
  /** Head parameters made from the seed, because the folder has none for this task. */
  readonly initialized: readonly string[];
  /** Tensors of the folder that this model has no place for. */
  readonly surplus: readonly string[];
}

/** What a model is read from. */
export interface ModelSource {
  /** Named in errors. */
  readonly where: string;
  readonly config: ConfigText;
  readonly architecture: Architecture;
  /** Under the names of the graph. */
  readonly weights: TensorReader;
}

/**
 * Reads a model for a task.
 *
 * @throws naming every parameter that is missing, has another shape than config.json implies, or is
 *   not finite
 */
export async function readModel(source: ModelSource, request: LoadRequest): Promise<LoadedModel> {
  const { where, config, architecture } = source;
  const identity: ModelIdentity = {
    architecture,
    config: withFolderNamed(where, () => architecture.parseConfig(config.json)),
    task: request.task,
    ...headOutputs(request.task, request.classes ?? classesInConfig(config.json, request.task, where)),
  };
  requireTokens(where, identity);
  const { parameters } = withFolderNamed(where, () =>
    buildModelGraph(identity, { withLoss: false, dropoutSeed: null }),
  );
  const { weights, initialized, surplus } = await readParameters(source, identity, parameters, request);
  const headParameters = new Set([...parameters].filter(([, p]) => p.inHead).map(([name]) => name));
  return { model: { ...identity, configText: config.text, weights, headParameters }, initialized, surplus };
}

/**
 * Refuses tokens of config.json that batches are filled with and targets begin from, but that have
 * no embedding.
 */
function requireTokens(folder: string, { config, task }: ModelIdentity): void {
  const { vocabSize, padTokenId, decoderStartTokenId, features } = config.inputs;
  if (features !== undefined) return;
  const tokens = {
    pad_token_id: padTokenId,
    ...(task === 'text2text' ? { decoder_start_token_id: decoderStartTokenId } : {}),
  };
  for (const [field, id] of Object.entries(tokens)) {
    if (id === undefined || (id >= 0 && id < vocabSize)) continue;
    throw new RegmeanError(
      'invalid-input',
      `${folder}: config.json: ${field}: must be below the vocabulary size ${vocabSize}, got ${id}`,
    );
  }
}

/** A model with new weights, drawn from the seed: the beginning of pretraining. */
export function createModel(
  configJson: Readonly<Record<string, unknown>>,
  task: TaskKind,
  classes: readonly string[],
  seed: number,
): Model {
  const architecture = architectureOf(configJson.model_type);
  const config = architecture.parseConfig(configJson);
  const identity: ModelIdentity = { architecture, config, task, ...headOutputs(task, classes) };
  const { parameters } = buildModelGraph(identity, { withLoss: false, dropoutSeed: null });
  const weights = new Map(
    [...parameters].map(([name, declared]) => [
      name,
      initialTensor(name, declared, { initializerRange: config.initializerRange, seed }),
    ]),
  );
  const headParameters = new Set([...parameters].filter(([, p]) => p.inHead).map(([name]) => name));
  return { ...identity, configText: JSON.stringify(configJson), weights, headParameters };
}

/** Where a model is written, and what goes along. */
export interface SaveOptions {
  /** The model whose side files are copied: a folder, or a file that they lie beside. */
  readonly sideFilesFrom?: string;
  /** Element type of the weights on disk; float32 when absent. */
  readonly dtype?: FloatDtype;
}

/**
 * Writes a model folder: config.json for its task and labels, model.safetensors, side files.
 */
export async function saveModel(folder: string, model: Model, options: SaveOptions = {}): Promise<void> {
  const dtype = options.dtype ?? 'F32';
  await writeSafetensors(
    join(folder, weightsFile),
    [...model.weights].map(([name, tensor]) => ({ name, shape: tensor.shape, data: tensor.data, dtype })),
    { format: 'pt' },
  );
  await model.architecture.writeGraph?.(folder);
  if (options.sideFilesFrom !== undefined) await copySideFiles(options.sideFilesFrom, folder);
  const className = model.architecture.classNames[model.task];
  await writeConfig(
    folder,
    model.configText,
    dtype,
    headMembers(model.task, model.classes, className, model.configText),
  );
}

async function readParameters(
  { where, weights: file }: ModelSource,
  identity: ModelIdentity,
  parameters: ReadonlyMap<string, ParameterDeclaration>,
  request: LoadRequest,
): Promise<Omit<LoadedModel, 'model'> & { readonly weights: StateDict }> {
  const weights = new Map<string, FloatTensor>();
  const initialized: string[] = [];
  const problems: string[] = [];
  for (const [name, declared] of parameters) {
    const shape = declared.value.shape.map(Number);
    const found = file.tensors.get(name);
    const renewed = declared.inHead && request.headSeed !== undefined;
    if (found !== undefined && sameShape(found.shape, shape)) {
      const tensor = await file.readFloat32(name);
      const bad = firstNotFinite(tensor.data);
      if (bad >= 0) problems.push(`${name} must be finite, got ${tensor.data[bad]} at element ${bad}`);
      weights.set(name, tensor);
    } else if (renewed) {
      initialized.push(name);
      weights.set(
        name,
        initialTensor(name, declared, {
          initializerRange: identity.config.initializerRange,
          seed: request.headSeed ?? 0,
        }),
      );
    } else if (found === undefined) {
      problems.push(`${name} ${formatShape(shape)} is missing`);
    } else {
      problems.push(`${name} must be ${formatShape(shape)}, got ${formatShape(found.shape)}`);
    }
  }
  if (problems.length > 0) {
    throw new RegmeanError(
      'invalid-input',
      `${where}: weights must fit config.json and be finite: ${firstProblems(problems)}`,
    );
  }
  return { weights, initialized, surplus: surplusOf(file.tensors.keys(), parameters, identity) };
}

/** The first ten of several problems, and how many more there are. */
export function firstProblems(problems: readonly string[]): string {
  const more = problems.length > 10 ? `; and ${problems.length - 10} more` : '';
  return `${problems.slice(0, 10).join('; ')}${more}`;
}
