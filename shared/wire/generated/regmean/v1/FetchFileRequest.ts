// Original file: proto/regmean/v1/files.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Asks for one file from an offset on. A receiver that holds the first n bytes asks again with
 * offset n.
 */
export interface FetchFileRequest {
  /**
   * Name of the file, as listed by GetRound.
   */
  'file'?: (string);
  /**
   * First byte wanted; the length of the file gives an empty stream.
   */
  'offset'?: (number | string | Long);
}

/**
 * Asks for one file from an offset on. A receiver that holds the first n bytes asks again with
 * offset n.
 */
export interface FetchFileRequest__Output {
  /**
   * Name of the file, as listed by GetRound.
   */
  'file': (string);
  /**
   * First byte wanted; the length of the file gives an empty stream.
   */
  'offset': (number);
}
