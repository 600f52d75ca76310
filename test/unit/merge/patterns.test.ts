/** @file Which bytes parameters have after a merge with patterns: no value comes from elsewhere. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mergeContributions } from '../../../merger/merge/merge-contributions.ts';
import type { MergeOptions } from '../../../merger/merge/merge-options.ts';
import { quietContext } from '../../support/run-context.ts';
import { readWeights } from '../../support/tiny-model.ts';
import { writeBase, writeTinyContribution } from '../../support/tiny-round.ts';

type Values = ReadonlyMap<string, Buffer>;

let root: string;
let base: string;
let folders: readonly string[];
/** What parameters have in the base, and when all are merged in one way. */
let ofBase: Values;
let solved: Values;
let averaged: Values;

/** What the base has no values for: it is included always. */
const head = '^classifier|pooler';

const at = (name: string): string => join(root, name);

async function bytesOf(folder: string): Promise<Values> {
  return new Map(
    [...(await readWeights(folder))].map(([name, { data }]) => [
      name,
      Buffer.from(data.buffer, data.byteOffset, data.byteLength),
    ]),
  );
}

async function merge(out: string, options: Partial<MergeOptions>): Promise<Values> {
  await mergeContributions(folders, { method: 'regmean', out: at(out), ...options }, quietContext);
  return bytesOf(at(out));
}

/** Expects the bytes of each parameter to be those that `source` says. */
function expectBytes(got: Values, source: (name: string) => Values): void {
  expect([...got.keys()]).toEqual([...solved.keys()]);
  const wrong = [...got].filter(([name, bytes]) => source(name).get(name)?.equals(bytes) !== true);
  expect(wrong.map(([name]) => name)).toEqual([]);
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'regmean-patterns-'));
  base = at('base');
  await writeBase(base);
  const agents = ['north', 'south', 'west'];
  for (const agent of agents) await writeTinyContribution(at(agent), { agent, base });
  folders = agents.map(at);
  ofBase = await bytesOf(base);
  solved = await merge('solved', {});
  averaged = await merge('averaged', { method: 'simple' });
});
afterAll(() => rm(root, { recursive: true, force: true }));

it('base, average and solution differ, so that the bytes tell them apart', () => {
  const weights = [...solved.keys()].filter((name) => /(dense|query|key|value)\.weight$/.test(name));
  expect(weights.length).toBeGreaterThan(10);
  for (const name of weights) {
    const all = [ofBase, solved, averaged].flatMap((own) => own.get(name)?.toString('hex') ?? []);
    expect(new Set(all).size, name).toBe(all.length);
  }
});

describe.each([
  ['a layer', /layer\.1\./],
  ['one of the layers that share a Gram', /attention\.self\.key/],
  ['biases', /layer.*bias$/],
  ['embeddings', /embeddings/],
])('%s', (_, pattern) => {
  it('that is excluded has the bytes of the base, all others those of the whole merge', async () => {
    const got = await merge('excluded', { exclude: [pattern.source], base });
    expectBytes(got, (name) => (pattern.test(name) ? ofBase : solved));
  });

  it('that is included alone has the bytes of the whole merge, all others those of the base', async () => {
    const included = new RegExp(`${pattern.source}|${head}`);
    const got = await merge('included', { include: [pattern.source, head], base });
    expectBytes(got, (name) => (included.test(name) ? solved : ofBase));
  });

  it('that is averaged has the bytes of the plain mean, all others those of the whole merge', async () => {
    const got = await merge('mixed', { average: [pattern.source] });
    expectBytes(got, (name) => (pattern.test(name) ? averaged : solved));
  });
});

it('patterns together: exclude before include, include before average', async () => {
  const got = await merge('together', {
    include: ['layer', head],
    exclude: ['layer\\.0\\.output'],
    average: ['output|embeddings'],
    base,
  });
  expectBytes(got, (name) => {
    if (!new RegExp(`layer|${head}`).test(name) || /layer\.0\.output/.test(name)) return ofBase;
    return /output/.test(name) ? averaged : solved;
  });
});
