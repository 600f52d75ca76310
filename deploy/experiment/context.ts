/**
 * @file What every step of an experiment shares: where results are kept, what they depend on, how
 *   it reports.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { sha256OfFile } from '../../shared/files/checksum.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import type { Experiment } from './experiment-file.ts';

/** One run of an experiment. */
export interface ExperimentContext extends RunContext {
  readonly experiment: Experiment;
  /** Path of the base model, and the digest of all that a training takes from it. */
  readonly base: string;
  readonly baseKey: string;
  /** Folder of everything that is computed once; see `artifactKey`. */
  readonly cache: string;
  /** SHA-256 of data files, each read once. */
  digests(files: readonly string[]): Promise<readonly string[]>;
}

/** Digests of files, remembered for the length of a run. */
export function createFileDigests(): ExperimentContext['digests'] {
  const known = new Map<string, Promise<string>>();
  return (files) =>
    Promise.all(
      files.map((file) => {
        const digest = known.get(file) ?? sha256OfFile(file);
        known.set(file, digest);
        return digest;
      }),
    );
}

/**
 * Names a computation by everything that it depends on: equal keys, equal results. An artifact
 * whose key is in the cache is not computed again, however the experiment file around it has
 * changed.
 */
export function artifactKey(dependencies: unknown): string {
  return createHash('sha256').update(JSON.stringify(dependencies)).digest('hex').slice(0, 20);
}

/** Folder of an artifact; `name` is for people. */
export function artifactFolder(
  { cache }: ExperimentContext,
  { kind, name, key }: Readonly<Record<'kind' | 'name' | 'key', string>>,
): string {
  return join(cache, kind, `${name}-${key}`);
}
