// Original file: proto/regmean/v1/files.proto

import type { Long } from '@grpc/proto-loader';

/**
 * A run of consecutive bytes of one file. Chunks of a file come in order, without gaps, from the
 * agreed offset on.
 */
export interface FileChunk {
  /**
   * Name of the file, as in its FileInfo.
   */
  'file'?: (string);
  /**
   * Where in the file `data` begins, in bytes.
   */
  'offset'?: (number | string | Long);
  /**
   * At most 2 MiB; senders use about 1 MiB.
   */
  'data'?: (Buffer | Uint8Array | string);
  /**
   * CRC-32 of `data` (ISO 3309, as in gzip and zlib).
   */
  'crc32'?: (number);
}

/**
 * A run of consecutive bytes of one file. Chunks of a file come in order, without gaps, from the
 * agreed offset on.
 */
export interface FileChunk__Output {
  /**
   * Name of the file, as in its FileInfo.
   */
  'file': (string);
  /**
   * Where in the file `data` begins, in bytes.
   */
  'offset': (number);
  /**
   * At most 2 MiB; senders use about 1 MiB.
   */
  'data': (Buffer);
  /**
   * CRC-32 of `data` (ISO 3309, as in gzip and zlib).
   */
  'crc32': (number);
}
