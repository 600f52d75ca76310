/**
 * @file What is asked of a model whatever its kind: a Hugging Face folder, an ONNX file, a
 *   TensorFlow.js LayersModel. Each kind answers in a file of its own here; nothing outside of this
 *   folder asks which kind a model is.
 */
import { RegmeanError } from '../errors.ts';
import type { FamilyNames } from '../models/canonical-names.ts';
import type { FieldDifference } from '../models/config-differences.ts';
import type { ConfigText } from '../models/config-json.ts';
import type { InputSpec } from '../models/input-spec.ts';
import type { LayerIndex } from '../models/layer-index.ts';
import type { LoadedModel, LoadRequest } from '../models/model-folder.ts';
import type { NormLayer } from '../models/norm-layers.ts';
import type { ParameterDeclaration } from '../models/scope.ts';
import type { TensorReader } from '../safetensors/open-safetensors.ts';
import type { TaskKind } from '../task.ts';

/** Name and shape of every tensor. */
export type TensorShapes = ReadonlyMap<string, { readonly shape: readonly number[] }>;

/** How the tensors of a model's files are called. */
export type TensorNames = Pick<FamilyNames, 'canonical' | 'isOfFamily' | 'isLeftOut'>;

/** Names that are what files say. */
export const namesAsStored: TensorNames = {
  canonical: (stored) => stored,
  isOfFamily: () => false,
  isLeftOut: () => false,
};

/** A model of any kind, open for reading: little is read before it is asked for. */
interface AnyModel {
  /** What the user named: a folder or a file. */
  readonly path: string;
  /** The folder that configuration, tokenizer and training.json lie in. */
  readonly folder: string;
  /** The kind, in words: `a Hugging Face model`, and of several: `Hugging Face models`. */
  readonly kind: string;
  readonly kinds: string;
  /** config.json; what it would say where the model needs none and has none. */
  readonly config: ConfigText;
  /** Under the names of the network: canonical ones, whatever the files call them. */
  readonly weights: TensorReader;
  readonly names: TensorNames;
  /** The task of the class that config.json names; null where it is none that is known. */
  readonly task: TaskKind | null;
  /** What its inputs are for a task: which tokens or numbers, how many. */
  inputs(task: TaskKind): Promise<InputSpec>;
  /** Whether the outputs are the network's own: no head can be made for other classes. */
  readonly hasFixedHead: boolean;
  /**
   * Checks that a network with a fixed head has an output for each class.
   *
   * @throws RegmeanError `usage` with the number of its outputs
   */
  requireOutputs(task: TaskKind, classes: readonly string[]): Promise<void>;
  /** The classes of its outputs; null where nothing names or counts them. */
  classNames(task: TaskKind): Promise<readonly string[] | null>;
  /**
   * The parameters of the network with a head for a task; null where only its files tell them.
   *
   * @throws RegmeanError `unsupported` when it has no head for the task
   */
  parametersFor(task: TaskKind, classes: readonly string[]): ReadonlyMap<string, ParameterDeclaration> | null;
  /** The Hugging Face class for a task; null where there is none. */
  className(task: TaskKind): string | null;
  /**
   * The tensors that a network with these parameters has no place for, heads of pretraining aside.
   *
   * @throws RegmeanError `invalid-input` where they say that the configuration is another model's
   */
  surplusBeside(parameters: Pick<ReadonlyMap<string, unknown>, 'has' | 'keys'>): readonly string[];
  /**
   * The linear layers of the network with a head for a task; null where only a Gram file tells
   * them.
   */
  linearLayers(task: TaskKind, classes: readonly string[]): Promise<LayerIndex | null>;
  /**
   * The normalisation layers of the network with a head for a task that statistics can describe;
   * null where nothing tells them.
   */
  normLayers(task: TaskKind, classes: readonly string[]): Promise<readonly NormLayer[] | null>;
  /**
   * The tensors that a model fine-tuned from this one for a task has, no others.
   *
   * @throws RegmeanError `unsupported` when they cannot be told
   */
  tensorsFor(task: TaskKind, classes: readonly string[]): Promise<TensorShapes>;
  /** Identifies the model by its values; see fingerprint-weights.ts. */
  fingerprint(): Promise<string>;
  /**
   * Whether a fingerprint is this model's, also one that an earlier version of this program gave.
   */
  isIdentifiedBy(fingerprint: string): Promise<boolean>;
  /**
   * Where the networks of two models of one kind differ, in words; null where equal names and
   * shapes of weights mean the same in both.
   */
  differenceFrom(other: OpenModel): Promise<string | null>;
  /**
   * Fields of config.json that make two models of this kind other functions of equal weights; none
   * where a file of its own says what the network computes.
   *
   * @param isCompared which fields count
   */
  fieldDifferences(other: OpenModel, isCompared: (field: string) => boolean): readonly FieldDifference[];
  /**
   * Completes a folder that has a config.json and a model.safetensors: writes what of the network
   * is in neither.
   */
  writeNetwork(folder: string): Promise<void>;
  /** Writes the folder that a contribution holds of the model, as it was fine-tuned for a task. */
  writeFolder(folder: string, task: TaskKind, classes: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/** A model that this project's own graphs compute. */
export interface GraphModel extends AnyModel {
  readonly engine: 'graph';
  /** Reads all of it for a task; see `readModel`. */
  load(request: LoadRequest): Promise<LoadedModel>;
}

/** A model that TensorFlow.js computes. */
export interface LayersModel extends AnyModel {
  readonly engine: 'tensorflow-js';
}

export type OpenModel = GraphModel | LayersModel;

/** A kind of models. */
export interface ModelFormat {
  readonly engine: OpenModel['engine'];
  /** Whether a path holds a model of this kind. */
  holds(path: string): Promise<boolean>;
  open(path: string): Promise<OpenModel>;
}

/** One answer for each engine. */
export interface ByEngine<R> {
  graph(model: GraphModel): R;
  layers(model: LayersModel): R;
}

/** The answer for a model's engine. */
export function byEngine<R>(model: OpenModel, answers: ByEngine<R>): R {
  return model.engine === 'graph' ? answers.graph(model) : answers.layers(model);
}

/**
 * A model as one of this project's own graphs.
 *
 * @param refusal what cannot be done with other kinds, for the message
 * @throws RegmeanError `unsupported`
 */
export function requireGraphModel(model: OpenModel, refusal: (kinds: string) => string): GraphModel {
  return byEngine(model, {
    graph: (own) => own,
    layers: ({ path, kinds }) => {
      throw new RegmeanError('unsupported', `${path}: ${refusal(kinds)}`);
    },
  });
}
