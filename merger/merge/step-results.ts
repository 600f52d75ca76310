/**
 * @file Results of steps that several merges of the same contributions have in common: computed
 *   once, kept in files as they were before they were scaled and rounded, and read again.
 */
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { LayerGroupReport, MergeOutput, MergeStep } from '../methods/merge-step.ts';

/** Results that are kept. */
export interface StepResults {
  /**
   * A step that takes its results from those that are kept, or keeps them where they are wanted
   * again.
   */
  remembered(step: MergeStep): MergeStep;
  /** Gives the files back. */
  dispose(): Promise<void>;
}

/** What a step wrote, in its order. */
interface KeptResult {
  readonly report: LayerGroupReport | undefined;
  readonly writes: readonly KeptWrite[];
}

interface KeptWrite {
  readonly parameter: string;
  readonly start: number | undefined;
  /** Where the values lie in the file, in bytes. */
  readonly position: number;
  readonly length: number;
  readonly isDouble: boolean;
}

/**
 * Keeps results of steps that several merges have.
 *
 * @param folder where a folder for them is made; it is gone after `dispose`
 * @param keys of all steps of all merges
 */
export async function createStepResults(folder: string, keys: readonly string[]): Promise<StepResults> {
  const own = await mkdtemp(join(folder, '.steps-'));
  const file = await open(join(own, 'values'), 'w+');
  const known = new Map<string, KeptResult>();
  const isSeveral = new Map<string, boolean>();
  for (const key of keys) isSeveral.set(key, isSeveral.has(key));
  let end = 0;
  const keep = async (step: MergeStep, output: MergeOutput): Promise<KeptResult> => {
    const writes: KeptWrite[] = [];
    const report = await step.run({
      async write(parameter, data, start) {
        const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
        const isDouble = data instanceof Float64Array;
        writes.push({ parameter, start, position: end, length: data.length, isDouble });
        await writeFully(file, bytes, end);
        end += bytes.length;
        await output.write(parameter, data, start);
      },
    });
    return { report, writes };
  };
  return {
    remembered(step) {
      const { key } = step;
      if (key === undefined || isSeveral.get(key) !== true) return step;
      return {
        ...step,
        async run(output) {
          const kept = known.get(key);
          if (kept === undefined) {
            const result = await keep(step, output);
            known.set(key, result);
            return result.report;
          }
          for (const write of kept.writes) {
            await output.write(write.parameter, await readValues(file, write), write.start);
          }
          return kept.report;
        },
      };
    },
    async dispose() {
      await file.close();
      await rm(own, { recursive: true, force: true });
    },
  };
}

async function writeFully(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

async function readValues(
  file: FileHandle,
  { position, length, isDouble }: KeptWrite,
): Promise<Float32Array | Float64Array> {
  const values = isDouble ? new Float64Array(length) : new Float32Array(length);
  const bytes = new Uint8Array(values.buffer);
  for (let done = 0; done < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, done, bytes.length - done, position + done);
    if (bytesRead === 0) throw new RangeError('stepResults: the file must hold what was written to it');
    done += bytesRead;
  }
  return values;
}
