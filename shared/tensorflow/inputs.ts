/**
 * @file What a LayersModel reads: token ids, perhaps with a mask, through an Embedding; or numbers.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { LayersModel, SymbolicTensor } from '@tensorflow/tfjs-layers';
import { RegmeanError } from '../errors.ts';
import type { Batch } from '../examples/example.ts';
import type { InputSpec } from '../models/input-spec.ts';
import { layersWithin } from './layer-tree.ts';
import type { TensorFlow } from './library.ts';
import { shortestLength } from './shortest-length.ts';

/** The inputs of a model. */
export interface NetworkInputs {
  /** What examples are read by. */
  readonly spec: InputSpec;
  /** The fewest tokens that an example must have. */
  readonly shortest: number;
  /** The length that a batch is padded to. */
  widthOf(batch: Batch): number;
  /** The inputs of the model for a batch, in its order. */
  inputsOf(batch: Batch): Tensor[];
}

/**
 * Finds out what a model reads.
 *
 * @throws RegmeanError `unsupported` when that is neither tokens nor numbers
 */
export function readInputs(tensorFlow: TensorFlow, model: LayersModel, folder: string): NetworkInputs {
  const vocabSize = vocabSizeOf(tensorFlow, model);
  return vocabSize === null
    ? readFeatures(tensorFlow, model, folder)
    : readTokens(tensorFlow, model, folder, vocabSize);
}

function readTokens(
  tensorFlow: TensorFlow,
  model: LayersModel,
  folder: string,
  vocabSize: number,
): NetworkInputs {
  const [ids] = model.inputs as SymbolicTensor[];
  const length = ids?.shape[1] ?? null;
  const isMask = model.inputs.map(({ name }) => /mask/i.test(name));
  if (isMask[0] === true || isMask.slice(1).includes(false)) {
    throw new RegmeanError(
      'unsupported',
      `${folder}: must read token ids and at most a mask, reads ${namesOf(model)}`,
    );
  }
  const { core } = tensorFlow;
  const shortest = length === null ? shortestLength(tensorFlow, model) : 1;
  const hasMask = isMask.includes(true);
  const widthOf = ({ seqLength }: Batch): number =>
    length ?? (hasMask ? Math.max(seqLength, shortest) : seqLength);
  return {
    spec: {
      vocabSize,
      maxLength: length ?? Number.POSITIVE_INFINITY,
      padTokenId: 0,
      // A pooling layer would count padding, and logits would depend on the examples beside.
      equalLengths: length === null && !hasMask,
    },
    shortest: hasMask ? 1 : shortest,
    widthOf,
    inputsOf(batch) {
      const width = widthOf(batch);
      const tensorOf = (values: Int32Array): Tensor =>
        core.tensor2d(
          widen(values, batch.batchSize, batch.seqLength, width),
          [batch.batchSize, width],
          'int32',
        );
      return isMask.map((mask) => tensorOf(mask ? batch.attentionMask : batch.inputIds));
    },
  };
}

function readFeatures({ core }: TensorFlow, model: LayersModel, folder: string): NetworkInputs {
  const [input, ...others] = model.inputs as SymbolicTensor[];
  const [, features, ...rest] = input?.shape ?? [];
  if (others.length > 0 || typeof features !== 'number' || rest.length > 0) {
    throw new RegmeanError(
      'unsupported',
      `${folder}: must read token ids through an Embedding layer, or numbers [batch, features], reads ${namesOf(model)}`,
    );
  }
  return {
    spec: { vocabSize: 1, maxLength: Number.POSITIVE_INFINITY, padTokenId: 0, features },
    shortest: 1,
    widthOf: ({ seqLength }) => seqLength,
    inputsOf: ({ batchSize, features: values = new Float32Array(0) }) => [
      core.tensor2d(values, [batchSize, features]),
    ],
  };
}

function namesOf({ inputs }: LayersModel): string {
  return inputs.map(({ name }) => name).join(', ');
}

/** Rows of the vocabulary that the first embedding has; null where there is none. */
function vocabSizeOf({ layers }: TensorFlow, model: LayersModel): number | null {
  const embedding = layersWithin(layers, model).find((layer) => layer.getClassName() === 'Embedding');
  const size = embedding?.getConfig().inputDim;
  return typeof size === 'number' ? size : null;
}

/** Rows of `from` values with zeros behind them, up to `to` values each. */
function widen(values: Int32Array, rows: number, from: number, to: number): Int32Array {
  if (from === to) return values;
  const wide = new Int32Array(rows * to);
  for (let row = 0; row < rows; row++) wide.set(values.subarray(row * from, (row + 1) * from), row * to);
  return wide;
}
