// Original file: proto/regmean/v1/contribution.proto

import type { Long } from '@grpc/proto-loader';

/**
 * How many bytes of one file the merger has safely on disk.
 */
export interface CommittedOffset {
  'file'?: (string);
  'offset'?: (number | string | Long);
}

/**
 * How many bytes of one file the merger has safely on disk.
 */
export interface CommittedOffset__Output {
  'file': (string);
  'offset': (number);
}
