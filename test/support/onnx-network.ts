/**
 * @file ONNX files written node by node, as exporters make them: a table of vectors, read by
 *   `input_ids`, and what follows.
 */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  attributeTypes,
  encodeModel,
  type OnnxAttribute,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
} from '../../shared/graph/onnx-schema.ts';
import { createRandom } from '../../shared/random.ts';

/** Rows of the table. */
export const vocabulary = 7;
/** Columns of the table: `x` is float32 [batch, seq, 4]. */
export const width = 4;

/** A float32 initializer. */
export function floats(name: string, dims: readonly number[], values: readonly number[]): OnnxTensor {
  return { name, dims, dataType: 1, rawData: new Uint8Array(Float32Array.from(values).buffer) };
}

/** An int64 initializer: a list, or a scalar. */
export function longs(name: string, values: readonly number[] | number): OnnxTensor {
  const list = typeof values === 'number' ? [values] : values;
  const rawData = new Uint8Array(BigInt64Array.from(list.map(BigInt)).buffer);
  return { name, dims: typeof values === 'number' ? [] : [list.length], dataType: 7, rawData };
}

/** A node; attributes that are whole numbers are integers, `{ f }` is a float. */
export function node(
  opType: string,
  input: readonly string[],
  output: readonly string[],
  attributes: Readonly<Record<string, number | string | readonly number[] | { readonly f: number }>> = {},
): OnnxNode {
  const attribute = Object.entries(attributes).map(([name, value]): OnnxAttribute => {
    if (typeof value === 'number') return { name, type: attributeTypes.int, i: value };
    if (typeof value === 'string') return { name, type: attributeTypes.string, s: Buffer.from(value) };
    if ('f' in value) return { name, type: attributeTypes.float, f: value.f };
    return { name, type: attributeTypes.ints, ints: value };
  });
  return { name: `/${output[0]}/${opType}`, opType, input, output, attribute };
}

/** A node of ONNX Runtime's own operators. */
export function microsoftNode(...given: Parameters<typeof node>): OnnxNode {
  return { ...node(...given), domain: 'com.microsoft' };
}

/** A network from `x` (the looked-up rows, [batch, seq, 4]) to `logits`. */
export function networkModel(
  nodes: readonly OnnxNode[],
  initializers: readonly OnnxTensor[] = [],
  opset = 18,
): OnnxModel {
  const random = createRandom(3);
  const values = Array.from({ length: vocabulary * width }, () => 2 * random() - 1);
  const dim = [{ dimParam: 'batch' }, { dimParam: 'tokens' }];
  return {
    irVersion: 8,
    opsetImport: [
      { domain: '', version: opset },
      { domain: 'com.microsoft', version: 1 },
    ],
    graph: {
      name: 'test',
      node: [node('Gather', ['table', 'input_ids'], ['x']), ...nodes],
      initializer: [floats('table', [vocabulary, width], values), ...initializers],
      input: [{ name: 'input_ids', type: { tensorType: { elemType: 7, shape: { dim } } } }],
      output: [{ name: 'logits', type: { tensorType: { elemType: 1 } } }],
    },
  };
}

/** Writes a model into a folder of its own. */
export async function writeOnnxFile(model: OnnxModel): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), 'regmean-network-')), 'net.onnx');
  await writeFile(path, encodeModel(model));
  return path;
}
