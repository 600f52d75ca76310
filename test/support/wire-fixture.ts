/**
 * @file A fresh folder with a base model for each test of the wire, and the ends of what the test
 *   started.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect } from 'vitest';
import { type ContributionShape, writeBase, writeTinyContribution } from './tiny-round.ts';
import { type ProcessResult, runCommand, stopAllCommands } from './wire-process.ts';

/** What a test of the wire works with. */
export interface WireFixture {
  /** A path inside of the test's folder. */
  path(...parts: string[]): string;
  /** Writes the contribution of `agent` to the folder of its name. */
  contribution(agent: string, shape?: Partial<ContributionShape>): Promise<string>;
}

/** Sets up the folder before each test; `vocabSize` decides how large its models are. */
export function useWireFixture(vocabSize = 50): WireFixture {
  let dir = '';
  const path = (...parts: string[]): string => join(dir, ...parts);
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'regmean-wire-'));
    await writeBase(path('base'), { vocabSize });
  });
  afterEach(async () => {
    await stopAllCommands();
    await rm(dir, { recursive: true });
  });
  return {
    path,
    async contribution(agent, shape = {}) {
      await writeTinyContribution(path(agent), { agent, base: path('base'), vocabSize, ...shape });
      return path(agent);
    },
  };
}

/** Runs a command that must succeed and gives what it printed as JSON. */
export async function runJson(args: readonly string[]): Promise<Record<string, unknown>> {
  return jsonOf(await runCommand([...args, '--json']));
}

/** What a command that must have succeeded printed as JSON. */
export function jsonOf(result: ProcessResult): Record<string, unknown> {
  expect(result, result.stderr).toMatchObject({ code: 0 });
  return JSON.parse(result.stdout);
}

/** Asserts that two folders hold the same files with the same bytes. */
export async function expectSameFolder(got: string, wanted: string): Promise<void> {
  const names = (await readdir(wanted)).sort();
  expect((await readdir(got)).sort()).toEqual(names);
  for (const name of names) {
    const same = (await readFile(join(got, name))).equals(await readFile(join(wanted, name)));
    expect(same, `${name} differs`).toBe(true);
  }
}
