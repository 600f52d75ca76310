// Original file: proto/regmean/v1/files.proto

import type { Long } from '@grpc/proto-loader';

/**
 * A file of a folder that is sent over the wire: the base model, a contribution, the fused model.
 */
export interface FileInfo {
  /**
   * Plain file name: no folders, no leading dot; for instance `model.safetensors`.
   */
  'name'?: (string);
  /**
   * Length in bytes.
   */
  'size'?: (number | string | Long);
  /**
   * SHA-256 of the whole content, 64 lower-case hexadecimal digits.
   */
  'sha256'?: (string);
}

/**
 * A file of a folder that is sent over the wire: the base model, a contribution, the fused model.
 */
export interface FileInfo__Output {
  /**
   * Plain file name: no folders, no leading dot; for instance `model.safetensors`.
   */
  'name': (string);
  /**
   * Length in bytes.
   */
  'size': (number);
  /**
   * SHA-256 of the whole content, 64 lower-case hexadecimal digits.
   */
  'sha256': (string);
}
