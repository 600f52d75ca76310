/** @file Values of tensors in ONNX files. */
import { RegmeanError } from '../errors.ts';
import type { DType } from '../graph/graph.ts';
import { elementTypes } from '../graph/onnx-model.ts';
import type { OnnxTensor } from '../graph/onnx-schema.ts';
import { widenFloat16 } from '../safetensors/half-precision.ts';
import type { TensorData } from '../tensor.ts';
import { sizeOf } from '../tensor.ts';

const float16 = 10;
const bytesPerElement: Readonly<Record<DType, number>> = {
  float32: 4,
  float64: 8,
  int32: 4,
  int64: 8,
  bool: 1,
};

/**
 * Our element type of an ONNX code; float16 is computed in float32. Undefined for those that graphs
 * cannot hold.
 */
export function dtypeOfCode(code: number | undefined): DType | undefined {
  if (code === float16) return 'float32';
  return (Object.keys(elementTypes) as DType[]).find((name) => elementTypes[name] === code);
}

/** The shape of a tensor. */
export function shapeOfTensor({ dims }: OnnxTensor): readonly number[] {
  return (dims ?? []).map(Number);
}

/**
 * The values of a tensor, float16 as float32.
 *
 * @param where names it in errors
 * @throws RegmeanError `unsupported` for other element types, `invalid-input` when the values do
 *   not fit the shape
 */
export function dataOf(tensor: OnnxTensor, where: string): { dtype: DType; data: TensorData } {
  const dtype = dtypeOfCode(tensor.dataType);
  if (dtype === undefined) {
    throw new RegmeanError('unsupported', `${where}: element type ${tensor.dataType} is not supported`, {
      hint: 'export the network in float32; quantized networks are not read',
    });
  }
  const data = tensor.dataType === float16 ? fromFloat16(tensor) : ofType(tensor, dtype);
  const size = sizeOf(shapeOfTensor(tensor));
  if (data.length !== size) {
    throw new RegmeanError('invalid-input', `${where}: must hold ${size} values, got ${data.length}`);
  }
  return { dtype, data };
}

/** A tensor with the same values in its bytes, float16 widened to float32. */
export function withRawData(tensor: OnnxTensor, where: string): OnnxTensor {
  if (dtypeOfCode(tensor.dataType) === undefined) return tensor;
  const { dtype, data } = dataOf(tensor, where);
  return {
    ...(tensor.name === undefined ? {} : { name: tensor.name }),
    dims: tensor.dims ?? [],
    dataType: elementTypes[dtype],
    rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  };
}

function fromFloat16({ rawData, int32Data }: OnnxTensor): Float32Array {
  const bits =
    int32Data === undefined || int32Data.length === 0
      ? new Uint16Array(alignedCopy(rawData ?? new Uint8Array(0), 2))
      : Uint16Array.from(int32Data);
  const values = new Float32Array(bits.length);
  widenFloat16(bits, values);
  return values;
}

function ofType(tensor: OnnxTensor, dtype: DType): TensorData {
  const { rawData, floatData, doubleData, int32Data, int64Data } = tensor;
  if (rawData !== undefined && rawData.length > 0) {
    const buffer = alignedCopy(rawData, bytesPerElement[dtype]);
    switch (dtype) {
      case 'float32':
        return new Float32Array(buffer);
      case 'float64':
        return new Float64Array(buffer);
      case 'int32':
        return new Int32Array(buffer);
      case 'int64':
        return new BigInt64Array(buffer);
      case 'bool':
        return new Uint8Array(buffer);
    }
  }
  switch (dtype) {
    case 'float32':
      return Float32Array.from(floatData ?? []);
    case 'float64':
      return Float64Array.from(doubleData ?? []);
    case 'int32':
      return Int32Array.from(int32Data ?? []);
    case 'int64':
      return BigInt64Array.from((int64Data ?? []).map(BigInt));
    case 'bool':
      return Uint8Array.from(int32Data ?? []);
  }
}

/** Whole elements of bytes that may lie anywhere. */
function alignedCopy(bytes: Uint8Array, width: number): ArrayBuffer {
  const length = bytes.length - (bytes.length % width);
  const copy = new ArrayBuffer(length);
  new Uint8Array(copy).set(bytes.subarray(0, length));
  return copy;
}
