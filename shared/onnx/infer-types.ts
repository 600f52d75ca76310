import * as ort from 'onnxruntime-node';
import { messageOf, RegmeanError } from '../errors.ts';
import type { DType, ValueType } from '../graph/graph.ts';
import { elementTypes, operatorsVersion } from '../graph/onnx-model.ts';
import type { ValueTypes } from './import-graph.ts';
import type { NetworkInput } from './inputs.ts';
import type { OnnxNetwork } from './network.ts';
import { encodeModel, type OnnxValueInfo } from './schema.ts';
import { shapeOfTensor } from './tensors.ts';

/** Names of the sizes of inputs. */
const inputSizes: ReadonlySet<string> = new Set(['batch', 'seq', 'target']);

/**
 * Element types and shapes of everything that a network's nodes compute, by ONNX Runtime's own inference. Sizes of the inputs
 * are named `batch`, `seq` and `target`; sizes that it cannot say have names of their own.
 *
 * @throws RegmeanError `unsupported` when ONNX Runtime cannot load the network
 */
export async function inferTypes(network: OnnxNetwork): Promise<ValueTypes> {
  const { model } = network.source;
  const outputs = network.nodes.flatMap(({ output }) => output.filter((name) => name !== ''));
  const bytes = encodeModel({
    ...model,
    graph: {
      name: 'types',
      node: network.nodes,
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
    const { path, opset } = network.source;
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
  const types = new Map<string, ValueType>();
  for (const output of session.outputMetadata) {
    if (!output.isTensor || !(output.type in elementTypes)) continue;
    // Inference that fails halfway gives 0 for a size that it cannot say.
    const isSaid = (size: number | string): boolean => inputSizes.has(String(size)) || Number(size) > 0;
    const shape = output.shape.map((size, axis) => (isSaid(size) ? size : `(${output.name}:${axis})`));
    types.set(output.name, { dtype: output.type as DType, shape });
  }
  await session.release();
  return types;
}

function infoOf({ name, dtype, shape }: NetworkInput): OnnxValueInfo {
  const dim = shape.map((size) => (typeof size === 'number' ? { dimValue: size } : { dimParam: size }));
  return { name, type: { tensorType: { elemType: elementTypes[dtype], shape: { dim } } } };
}
