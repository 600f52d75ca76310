import * as ort from 'onnxruntime-node';
import { messageOf, RegmeanError } from '../errors.ts';
import type { DType, ValueType } from '../graph/graph.ts';
import { elementTypes, operatorsVersion } from '../graph/onnx-model.ts';
import { encodeModel, type OnnxValueInfo } from '../graph/onnx-schema.ts';
import { named } from '../graph/sizes.ts';
import type { NetworkInput } from './inputs.ts';
import type { OnnxNetwork } from './network.ts';
import type { ValueTypes } from './operators/opaque.ts';
import { shapeOfTensor } from './tensors.ts';

/** Names of the sizes of inputs. */
const inputSizes: ReadonlySet<string> = new Set(['batch', 'seq', 'target']);

/**
 * Element types and shapes of everything that a network's nodes compute, by ONNX Runtime's own
 * inference. Sizes of the inputs are named `batch`, `seq` and `target`; sizes that it cannot say
 * have names of their own.
 *
 * @throws RegmeanError `unsupported` when ONNX Runtime cannot load the network
 */
export async function inferTypes(network: OnnxNetwork): Promise<ValueTypes> {
  const outputs = network.nodes.flatMap(({ output }) => output.filter((name) => name !== ''));
  const found = await inferredOutputs(network, outputs, []);
  // Nothing tells a scalar from a tensor whose number of axes is not known, except the size of its
  // shape.
  const bare = found.filter(({ shape }) => shape.length === 0).map(({ name }) => name);
  const shapes = bare.length === 0 ? [] : await inferredOutputs(network, bare.map(shapeName), bare);
  const unknown = new Set(shapes.filter(({ shape }) => shape[0] !== 0).map(({ name }) => name));
  const types = new Map<string, ValueType>();
  for (const output of found) {
    if (unknown.has(shapeName(output.name)) || !(output.type in elementTypes)) continue;
    // Inference that fails halfway gives 0 for a size that it cannot say.
    const shape = output.shape.map((size, axis) =>
      typeof size === 'string' && inputSizes.has(size)
        ? named(size)
        : Number(size) > 0
          ? Number(size)
          : named(`${output.name}:${axis}`),
    );
    types.set(output.name, { dtype: output.type as DType, shape });
  }
  return types;
}

const shapeName = (name: string): string => `${name}#shape`;

/**
 * What ONNX Runtime says of outputs; of `measured` values the shape is an output too, called as
 * `shapeName` says.
 */
async function inferredOutputs(
  network: OnnxNetwork,
  outputs: readonly string[],
  measured: readonly string[],
): Promise<ort.InferenceSession.TensorValueMetadata[]> {
  const { path, opset, model } = network.source;
  const bytes = encodeModel({
    ...model,
    graph: {
      name: 'types',
      node: [
        ...network.nodes,
        ...measured.map((name) => ({ opType: 'Shape', input: [name], output: [shapeName(name)] })),
      ],
      initializer: [...network.constants.values()],
      // Weights as inputs: their values are not needed.
      input: [
        ...network.inputs.map(infoOf),
        ...[...network.parameters].map(([name, tensor]): OnnxValueInfo => {
          const dim = shapeOfTensor(tensor).map((dimValue) => ({ dimValue }));
          return { name, type: { tensorType: { elemType: elementTypes.float32, shape: { dim } } } };
        }),
      ],
      output: outputs.map((name) => ({ name })),
    },
  });
  let session: ort.InferenceSession;
  try {
    session = await ort.InferenceSession.create(bytes, {
      graphOptimizationLevel: 'disabled',
      logSeverityLevel: 3,
    });
  } catch (error) {
    throw new RegmeanError(
      'unsupported',
      `${path}: ONNX Runtime cannot load it (operators of version ${opset}): ${messageOf(error)}`,
      {
        cause: error,
        ...(opset > operatorsVersion
          ? { hint: `export again with an older opset_version, for instance ${operatorsVersion}` }
          : {}),
      },
    );
  }
  const found = session.outputMetadata.filter((output) => output.isTensor);
  await session.release();
  return found;
}

function infoOf({ name, dtype, shape }: NetworkInput): OnnxValueInfo {
  const dim = shape.map((size) => (typeof size === 'number' ? { dimValue: size } : { dimParam: `${size}` }));
  return { name, type: { tensorType: { elemType: elementTypes[dtype], shape: { dim } } } };
}
