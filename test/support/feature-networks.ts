/**
 * @file Networks that read numbers instead of tokens: three features, a hidden layer, two classes.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as layers from '@tensorflow/tfjs-layers';
import { encodeModel, type OnnxModel } from '../../shared/graph/onnx-schema.ts';
import { createRandom } from '../../shared/random.ts';
import { floats, node } from './onnx-network.ts';
import { saveLayersModel } from './tiny-layers-model.ts';

export const featureCount = 3;
const hidden = 8;
const classes = 2;

/** The ONNX file of such a network, whose only input is called as it likes: `embedding`. */
export function featureNetwork(seed = 1): OnnxModel {
  const random = createRandom(seed);
  const drawn = (count: number): number[] => Array.from({ length: count }, () => 2 * random() - 1);
  const dim = [{ dimParam: 'N' }, { dimValue: featureCount }];
  return {
    irVersion: 8,
    opsetImport: [{ domain: '', version: 17 }],
    graph: {
      name: 'features',
      node: [
        node('Gemm', ['embedding', 'first.weight', 'first.bias'], ['inner'], { transB: 1 }),
        node('Relu', ['inner'], ['active']),
        node('MatMul', ['active', 'second.weight'], ['logits']),
      ],
      initializer: [
        floats('first.weight', [hidden, featureCount], drawn(hidden * featureCount)),
        floats('first.bias', [hidden], drawn(hidden)),
        floats('second.weight', [hidden, classes], drawn(hidden * classes)),
      ],
      input: [{ name: 'embedding', type: { tensorType: { elemType: 1, shape: { dim } } } }],
      output: [{ name: 'logits', type: { tensorType: { elemType: 1 } } }],
    },
  };
}

/** Writes `featureNetwork` into a folder and returns the file. */
export async function writeFeatureNetwork(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'net.onnx');
  await writeFile(file, encodeModel(featureNetwork()));
  return file;
}

/** Writes such a network as a LayersModel and returns its folder. */
export async function writeFeatureLayersModel(folder: string): Promise<string> {
  const initializer = layers.initializers.randomNormal({ mean: 0, stddev: 0.6, seed: 3 });
  const dense = (name: string, units: number, more: object) =>
    layers.layers.dense({ name, units, kernelInitializer: initializer, ...more });
  return saveLayersModel(folder, () =>
    layers.sequential({
      layers: [
        dense('first', hidden, { activation: 'relu', inputShape: [featureCount] }),
        dense('second', classes, {}),
      ],
    }),
  );
}

/** Rows of three numbers; the class is the sign of the first less the second. */
export function featureRows(count: number, seed: number): { features: number[]; label: string }[] {
  const random = createRandom(seed);
  return Array.from({ length: count }, () => {
    const features = Array.from({ length: featureCount }, () => 2 * random() - 1);
    return { features, label: (features[0] ?? 0) > (features[1] ?? 0) ? 'above' : 'below' };
  });
}
