/** @file The wire contract at run time: the .proto files beside the code, loaded once. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import type { ProtoGrpcType } from './generated/round_service.ts';

/**
 * Bytes of data in one chunk: large enough that per-message work vanishes, small enough that memory
 * stays flat.
 */
export const chunkBytes = 1024 * 1024;

/** The largest chunk that a receiver takes, in bytes. */
export const maxChunkBytes = 2 * chunkBytes;

/**
 * The folder with the .proto files: at the package's root, seen from the source tree or from
 * `dist/`.
 */
export function protoFolder(): string {
  const candidates = ['../../proto', '../../../proto'].map((path) =>
    fileURLToPath(new URL(path, import.meta.url)),
  );
  const found = candidates.find((path) => existsSync(`${path}/regmean/v1/round_service.proto`));
  if (found === undefined) throw new Error(`protoFolder: no regmean/v1/round_service.proto in ${candidates}`);
  return found;
}

/**
 * The parsed wire contract. The options are those of `npm run generate`, so that values and types
 * agree.
 */
export const packageDefinition: PackageDefinition = loadSync('regmean/v1/round_service.proto', {
  includeDirs: [protoFolder()],
  longs: Number,
  enums: String,
  defaults: true,
  oneofs: true,
});

/** Client constructor and service definition of the round service. */
export const RoundService = (loadPackageDefinition(packageDefinition) as unknown as ProtoGrpcType).regmean.v1
  .RoundService;
