/**
 * @file Whether two models are one network: agents' graphs must be the same, apart from where their
 *   weights lie.
 */
import { join } from 'node:path';
import { encodeModel, type OnnxGraph, type OnnxModel, type OnnxTensor } from '../graph/onnx-schema.ts';
import { isParameter, networkOf } from './network.ts';
import { nodeName } from './nodes.ts';
import { modelFolderOf, onnxFile, openOnnx } from './open-onnx.ts';

/**
 * The graph of a model, its parameters without their values: those of the logits, and of outputs
 * that are not used.
 *
 * @param path an ONNX file, or a folder with `model.onnx`
 */
export async function readGraph(path: string): Promise<OnnxModel> {
  const source = await openOnnx(modelFolderOf(path) === path ? join(path, onnxFile) : path);
  const { constants } = networkOf(source);
  const { model } = source;
  const initializer = model.graph.initializer.map((tensor): OnnxTensor => {
    if (!isParameter(tensor) || constants.has(tensor.name ?? '')) return tensor;
    const { rawData: _, externalData: __, dataLocation: ___, ...rest } = tensor;
    return rest;
  });
  return { ...model, graph: { ...model.graph, initializer } };
}

/**
 * The first difference between two models that `readGraph` read, in words; null when there is none.
 */
export function graphDifference(a: OnnxModel, b: OnnxModel): string | null {
  const [left, right] = [a.graph, b.graph];
  if (!sameBytes(withGraph(a, {}), withGraph(b, {}))) return 'versions of operators';
  for (const [at, node] of left.node.entries()) {
    const other = right.node[at];
    if (other === undefined) return `node ${nodeName(node)}`;
    if (!sameBytes(withGraph(a, { node: [node] }), withGraph(a, { node: [other] }))) {
      return `node ${nodeName(node)} (${node.opType}) and node ${nodeName(other)} (${other.opType})`;
    }
  }
  const surplus = right.node[left.node.length];
  if (surplus !== undefined) return `node ${nodeName(surplus)}`;
  const others = new Map(right.initializer.map((tensor) => [tensor.name, tensor]));
  for (const tensor of left.initializer) {
    const other = others.get(tensor.name);
    const same =
      other !== undefined &&
      sameBytes(withGraph(a, { initializer: [tensor] }), withGraph(a, { initializer: [other] }));
    if (!same) return `initializer ${tensor.name}`;
    others.delete(tensor.name);
  }
  const [stranger] = others.keys();
  if (stranger !== undefined) return `initializer ${stranger}`;
  const ends = ({ input, output }: OnnxGraph): Partial<OnnxGraph> => ({ input, output });
  return sameBytes(withGraph(a, ends(left)), withGraph(a, ends(right))) ? null : 'inputs or outputs';
}

function withGraph({ irVersion, opsetImport }: OnnxModel, part: Partial<OnnxGraph>): OnnxModel {
  return {
    ...(irVersion === undefined ? {} : { irVersion }),
    opsetImport,
    graph: { node: [], initializer: [], input: [], output: [], ...part },
  };
}

function sameBytes(a: OnnxModel, b: OnnxModel): boolean {
  return Buffer.compare(encodeModel(a), encodeModel(b)) === 0;
}
