/** Bytes per element of every dtype that safetensors files hold. */
const bytesPerElement = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E5M2: 1,
  F8_E4M3: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  I64: 8,
  U64: 8,
  F64: 8,
} as const;

/** An element type by its name in safetensors headers. */
export type Dtype = keyof typeof bytesPerElement;

/** A dtype whose values this project computes with, after conversion to float32 or float64. */
export type FloatDtype = 'F16' | 'BF16' | 'F32' | 'F64';

/** Whether `name` is a dtype of the format. */
export function isDtype(name: unknown): name is Dtype {
  return typeof name === 'string' && Object.hasOwn(bytesPerElement, name);
}

/**
 * Whether tensors of this dtype are read by `readFloat32`. Model folders may also hold integer
 * buffers.
 */
export function isFloatDtype(dtype: Dtype): dtype is FloatDtype {
  return dtype === 'F32' || dtype === 'F16' || dtype === 'BF16' || dtype === 'F64';
}

/** Bytes that one element of `dtype` takes. */
export function elementBytes(dtype: Dtype): number {
  return bytesPerElement[dtype];
}
