/**
 * @file The folder of an agent's way through a round. Each step leaves a folder there, and
 *   `steps.json` says what each was made from, so that a step whose inputs changed (another round,
 *   other data or options, another base) is not taken for done.
 */
import { createHash } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { listFolder } from '../../shared/files/atomic-folder.ts';
import { writeJsonAtomically } from '../../shared/files/atomic-write.ts';
import { sha256OfFile } from '../../shared/files/checksum.ts';
import { readJson } from '../../shared/files/read-json.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import { z } from '../../shared/zod.ts';

/** The steps that leave a folder of their name. */
export type RoundStep = 'base' | 'model' | 'contribution' | 'interim' | 'refined-grams' | 'refined-head';

const stepsFile = 'steps.json';
const stepsSchema = z.record(z.string(), z.string());

/** What came of comparing a step's folder with what the step is to be made from. */
export interface StepState {
  /** Where the step's result is or will be. */
  readonly folder: string;
  /** Where an earlier result from other inputs was moved to; null where there was none. */
  readonly movedTo: string | null;
}

/**
 * Makes the place for a step: a folder that was made from other inputs, or by nobody knows what, is
 * moved to `<step>.earlier` (of which the last one is kept), and what the step is now made from is
 * written down. A folder made from these inputs, finished or not, stays.
 *
 * @param inputs everything that the step's result follows from, as JSON
 */
export async function prepareStep(work: string, step: RoundStep, inputs: object): Promise<StepState> {
  await mkdir(work, { recursive: true });
  const known = await readSteps(work);
  const folder = join(work, step);
  const digest = createHash('sha256').update(JSON.stringify(inputs)).digest('hex');
  if (known[step] === digest) return { folder, movedTo: null };
  const isThere = ((await listFolder(folder)) ?? []).length > 0;
  const earlier = `${folder}.earlier`;
  if (isThere) {
    await rm(earlier, { recursive: true, force: true });
    await rename(folder, earlier);
  }
  await writeJsonAtomically(join(work, stepsFile), { ...known, [step]: digest });
  return { folder, movedTo: isThere ? earlier : null };
}

/** The folder of a step; says so where an earlier result had to make room. */
export async function stepFolder(
  work: string,
  step: RoundStep,
  inputs: object,
  context: Pick<RunContext, 'note'>,
): Promise<string> {
  const { folder, movedTo } = await prepareStep(work, step, inputs);
  if (movedTo !== null) {
    context.note(
      `${folder}: made from another round, base, data or options; begun anew, the earlier one is ${movedTo}`,
    );
  }
  return folder;
}

/** SHA-256 of each file, in the order given. */
export async function checksumsOf(files: readonly string[]): Promise<readonly string[]> {
  return Promise.all(files.map(sha256OfFile));
}

async function readSteps(work: string): Promise<Readonly<Record<string, string>>> {
  const names = (await listFolder(work)) ?? [];
  return names.includes(stepsFile) ? readJson(join(work, stepsFile), stepsSchema) : {};
}
