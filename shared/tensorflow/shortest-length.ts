/**
 * @file The fewest tokens that a model can read: its convolutions and poolings without padding
 *   leave nothing of fewer.
 */
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { layersWithin } from './layer-tree.ts';
import type { TensorFlow } from './library.ts';

/** Beyond it a model whose shapes never fit is taken to be one whose shapes cannot be told. */
const longest = 1 << 16;

/**
 * The fewest tokens of which every layer leaves something, by the layers' own rules for shapes; 1
 * where these cannot tell. TensorFlow.js checks nothing: its WASM kernels read outside of their
 * memory.
 */
export function shortestLength(tensorFlow: TensorFlow, model: LayersModel): number {
  // It knows its shapes only then; TensorFlow.js does so before it predicts.
  if (model instanceof tensorFlow.layers.Sequential) model.build();
  let [tooShort, enough] = [0, 1];
  while (!leavesSomething(tensorFlow, model, enough)) {
    [tooShort, enough] = [enough, 2 * enough];
    if (enough > longest) return 1;
  }
  while (enough - tooShort > 1) {
    const middle = Math.floor((tooShort + enough) / 2);
    if (leavesSomething(tensorFlow, model, middle)) enough = middle;
    else tooShort = middle;
  }
  return enough;
}

function leavesSomething({ layers: library }: TensorFlow, model: LayersModel, length: number): boolean {
  let isEmpty = false;
  const all = layersWithin(library, model);
  for (const layer of all) {
    const rule = layer.computeOutputShape;
    layer.computeOutputShape = (inputShape) => {
      const shape = rule.call(layer, inputShape);
      isEmpty ||= shape.flat().some((size) => size !== null && size <= 0);
      return shape;
    };
  }
  try {
    const shapes = model.inputs.map(() => [1, length]);
    model.computeOutputShape(shapes.length === 1 ? (shapes[0] ?? []) : shapes);
  } catch {
    // A layer that tells no shape: what was seen until there counts.
  } finally {
    for (const layer of all) Reflect.deleteProperty(layer, 'computeOutputShape');
  }
  return !isEmpty;
}
