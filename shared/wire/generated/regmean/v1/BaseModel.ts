// Original file: proto/regmean/v1/round.proto

import type { FileInfo as _regmean_v1_FileInfo, FileInfo__Output as _regmean_v1_FileInfo__Output } from '../../regmean/v1/FileInfo.ts';

/**
 * The base model that every agent of the round starts from.
 */
export interface BaseModel {
  /**
   * Fingerprint of the parameters (SHA-256, hexadecimal); independent of sharding and file order.
   */
  'fingerprint'?: (string);
  /**
   * Every file of the base model's folder.
   */
  'files'?: (_regmean_v1_FileInfo)[];
}

/**
 * The base model that every agent of the round starts from.
 */
export interface BaseModel__Output {
  /**
   * Fingerprint of the parameters (SHA-256, hexadecimal); independent of sharding and file order.
   */
  'fingerprint': (string);
  /**
   * Every file of the base model's folder.
   */
  'files': (_regmean_v1_FileInfo__Output)[];
}
