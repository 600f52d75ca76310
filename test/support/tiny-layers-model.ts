/** @file A TensorFlow.js LayersModel of a few kilobytes, saved as TensorFlow.js saves one. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as core from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import '@tensorflow/tfjs-backend-cpu';

/** What varies. */
export interface TinyLayersModel {
  readonly outputs?: number;
  readonly activation?: 'linear' | 'softmax' | 'sigmoid';
  /** Length of the input; any when absent. */
  readonly length?: number;
  /** Whether there is an output per token. */
  readonly perToken?: boolean;
  readonly seed?: number;
}

/** Embedding, two Dense layers that read it, their sum, mean over tokens, Dense. */
export function buildTinyLayersModel(options: TinyLayersModel = {}): layers.LayersModel {
  const { outputs = 2, activation = 'linear', length = null, perToken = false, seed = 1 } = options;
  const initializer = (offset: number) =>
    layers.initializers.randomNormal({ mean: 0, stddev: 0.4, seed: seed + offset });
  const dense = (
    name: string,
    units: number,
    offset: number,
    act: 'tanh' | 'linear' | 'softmax' | 'sigmoid',
  ) =>
    layers.layers.dense({
      name,
      units,
      activation: act,
      kernelInitializer: initializer(offset),
      biasInitializer: initializer(offset + 1),
    });
  const ids = layers.input({ shape: [length], dtype: 'int32', name: 'ids' });
  const embedded = layers.layers
    .embedding({ name: 'words', inputDim: 12, outputDim: 6, embeddingsInitializer: initializer(0) })
    .apply(ids);
  const left = dense('left', 5, 2, 'tanh').apply(embedded) as layers.SymbolicTensor;
  const right = dense('right', 5, 4, 'linear').apply(embedded) as layers.SymbolicTensor;
  const sum = layers.layers.add({ name: 'sum' }).apply([left, right]);
  const rows = perToken ? sum : layers.layers.globalAveragePooling1d({ name: 'mean' }).apply(sum);
  const output = dense('head', outputs, 6, activation).apply(rows) as layers.SymbolicTensor;
  return layers.model({ inputs: ids, outputs: output });
}

/** Writes a tiny LayersModel: model.json and weights.bin. */
export async function writeTinyLayersModel(folder: string, options: TinyLayersModel = {}): Promise<string> {
  return saveLayersModel(folder, () => buildTinyLayersModel(options));
}

/** Builds a LayersModel and writes it as TensorFlow.js does: model.json and a binary file. */
export async function saveLayersModel(folder: string, build: () => layers.LayersModel): Promise<string> {
  await core.setBackend('cpu');
  await mkdir(folder, { recursive: true });
  const model = build();
  await model.save({
    async save({ modelTopology, weightSpecs = [], weightData }) {
      const weightsManifest = [{ paths: ['group1-shard1of1.bin'], weights: weightSpecs }];
      await writeFile(
        join(folder, 'model.json'),
        JSON.stringify({ format: 'layers-model', modelTopology, weightsManifest }),
      );
      await writeFile(join(folder, 'group1-shard1of1.bin'), Buffer.from(weightData as ArrayBuffer));
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    },
  });
  model.dispose();
  return folder;
}
