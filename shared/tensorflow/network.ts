/** @file A LayersModel ready to run: what it reads, what it says, and its weights as variables. */
import type { Tensor, Variable } from '@tensorflow/tfjs-core';
import type { LayersModel, LayerVariable, SymbolicTensor } from '@tensorflow/tfjs-layers';
import { RegmeanError } from '../errors.ts';
import type { Batch } from '../examples/example.ts';
import type { InputSpec } from '../models/input-spec.ts';
import type { LinearLayer } from '../models/linear-layers.ts';
import type { RunContext } from '../runtime/run-context.ts';
import { logitRowsOf, type TaskKind } from '../task.ts';
import type { FloatTensor, StateDict } from '../tensor.ts';
import { denseLayersOf } from './dense-layers.ts';
import { readInputs } from './inputs.ts';
import { sourceLayerOf } from './layer-tree.ts';
import type { LayersModelFile } from './layers-model.ts';
import { type Core, loadTensorFlow, type TensorFlow } from './library.ts';

/** A network, and how examples become its inputs and its outputs logits. */
export interface LayersNetwork {
  readonly tensorFlow: TensorFlow;
  readonly model: LayersModel;
  /** What examples are read by. */
  readonly inputs: InputSpec;
  /** Number of outputs. */
  readonly outputs: number;
  /** Weights by their names in the file. */
  readonly variables: ReadonlyMap<string, Variable>;
  readonly trainable: ReadonlySet<string>;
  /** Its Dense layers. */
  readonly layers: readonly LinearLayer[];
  /** The fewest tokens that an example must have. */
  readonly shortest: number;
  /** The length that a batch is padded to. */
  widthOf(batch: Batch): number;
  /** The inputs of the model for a batch, in its order. */
  inputsOf(batch: Batch): Tensor[];
  /**
   * Logits of the model's output, whatever activation it ends with: [batch, outputs] or [batch,
   * seq, outputs]. For regression the output itself.
   */
  logitsOf(output: Tensor): Tensor;
}

/**
 * Builds a LayersModel for a task.
 *
 * @throws RegmeanError `unsupported` for a layer that TensorFlow.js does not know, or inputs and
 *   outputs that do not fit the task
 */
export async function buildNetwork(
  file: LayersModelFile,
  task: TaskKind,
  context: Pick<RunContext, 'note'>,
): Promise<LayersNetwork> {
  const tensorFlow = await loadTensorFlow(context);
  const model = await modelOf(tensorFlow, file);
  const { core } = tensorFlow;
  const [output, ...otherOutputs] = model.outputs as SymbolicTensor[];
  const rank = logitRowsOf(task) === 'token' ? 3 : 2;
  if (output === undefined || otherOutputs.length > 0 || output.shape.length !== rank) {
    const shapes = model.outputs.map(({ shape }) => `[${shape.map((size) => size ?? 'batch').join(', ')}]`);
    const wanted = rank === 3 ? '[batch, tokens, labels]' : '[batch, labels]';
    throw new RegmeanError(
      'unsupported',
      `${file.folder}: ${task} needs one output ${wanted}, got ${shapes.join(', ')}`,
    );
  }
  const inputs = readInputs(tensorFlow, model, file.folder);
  const weights = weightsByName(model, [...file.weights.keys()]);
  const trained = new Set(model.trainableWeights);
  // Only classes have logits; a value is what the model itself says.
  const activation = task === 'regression' ? 'linear' : activationOf(tensorFlow, output);
  return {
    tensorFlow,
    model,
    inputs: inputs.spec,
    outputs: Number(output.shape.at(-1)),
    variables: new Map(weights.map(([name, weight]) => [name, weight.read() as Variable])),
    trainable: new Set(weights.filter(([, weight]) => trained.has(weight)).map(([name]) => name)),
    layers: denseLayersOf(
      file.json.modelTopology,
      [...file.weights].map(([name, { shape }]) => ({ name, shape })),
    ),
    shortest: inputs.shortest,
    widthOf: inputs.widthOf,
    inputsOf: inputs.inputsOf,
    logitsOf: (result) => logitsFrom(core, result, activation),
  };
}

async function modelOf(
  { layers }: TensorFlow,
  { folder, json, weights }: LayersModelFile,
): Promise<LayersModel> {
  const specs = [...weights].map(([name, { shape }]) => ({
    name,
    shape: [...shape],
    dtype: 'float32' as const,
  }));
  const sizes = [...weights.values()].map((tensor) => tensor.data.length);
  const flat = new Float32Array(sizes.reduce((sum, size) => sum + size, 0));
  let offset = 0;
  for (const { data } of weights.values()) {
    flat.set(data, offset);
    offset += data.length;
  }
  try {
    return await layers.loadLayersModel({
      load: async () => ({
        modelTopology: withoutInitializers(json.modelTopology) as object,
        weightSpecs: specs,
        weightData: flat.buffer,
      }),
    });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new RegmeanError('unsupported', `${folder}: TensorFlow.js cannot build the model: ${reason}`, {
      cause,
    });
  }
}

/**
 * A topology whose weights all start as zeros. They are read from the file, but inside of other
 * models TensorFlow.js would still call the initializers, slow ones, and that of recurrent layers
 * needs more than TensorFlow.js' core.
 */
function withoutInitializers(topology: unknown): unknown {
  if (Array.isArray(topology)) return topology.map(withoutInitializers);
  if (typeof topology !== 'object' || topology === null) return topology;
  return Object.fromEntries(
    Object.entries(topology).map(([key, value]) => [
      key,
      /initializer$/i.test(key) ? { class_name: 'Zeros', config: {} } : withoutInitializers(value),
    ]),
  );
}

/**
 * Pairs names in a file with the weights that TensorFlow.js loads from them, by its rules
 * (`Container.loadWeights`).
 */
function weightsByName(
  model: LayersModel,
  names: readonly string[],
): readonly (readonly [string, LayerVariable])[] {
  const isNumbered = /\/\d+$/.test(names[0] ?? '');
  const weights = new Map(
    model.layers.flatMap((layer) =>
      layer.weights.map((weight, index): [string, LayerVariable] => [
        isNumbered ? weight.originalName.replace(/[^/]+$/, String(index)) : weight.originalName,
        weight,
      ]),
    ),
  );
  return names.flatMap((name) => {
    // Keras names the cell of a recurrent layer too: lstm/lstm_cell/kernel.
    const weight = weights.get(name) ?? weights.get(name.replace(/[^/]+\/([^/]+)$/, '$1'));
    return weight === undefined ? [] : [[name, weight] as const];
  });
}

/** The activation of the layer that gives an output: `linear`, `softmax`, `sigmoid`. */
function activationOf({ layers }: TensorFlow, output: SymbolicTensor): string {
  const layer = sourceLayerOf(layers, output);
  if (layer.getClassName() === 'Softmax') return 'softmax';
  const { activation } = layer.getConfig();
  return typeof activation === 'string' ? activation : 'linear';
}

function logitsFrom(core: Core, output: Tensor, activation: string): Tensor {
  if (activation === 'softmax') return core.log(core.clipByValue(output, 1e-30, 1));
  if (activation !== 'sigmoid') return output;
  const p = core.clipByValue(output, 1e-7, 1 - 1e-7);
  return core.sub(core.log(p), core.log(core.sub(1, p)));
}

/** The weights as they are now. */
export function weightsOf({ variables }: LayersNetwork): StateDict {
  return new Map(
    [...variables].map(([name, variable]): [string, FloatTensor] => [
      name,
      { shape: variable.shape, data: Float32Array.from(variable.dataSync()) },
    ]),
  );
}
