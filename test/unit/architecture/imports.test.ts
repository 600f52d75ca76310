import { beforeAll, describe, expect, it } from 'vitest';
import { folderOf, type SourceFile, sourceFiles } from '../../support/source-files.ts';

/** The folders of shared/, each below those that may import it. */
const order = [
  'shared',
  'shared/text',
  'shared/files',
  'shared/safetensors',
  'shared/graph',
  'shared/runtime',
  'shared/linalg',
  'shared/data',
  'shared/metrics',
  'shared/examples',
  'shared/tokenization',
  'shared/cli',
  'shared/charts',
  'shared/models',
  'shared/generation',
  'shared/onnx',
  'shared/tensorflow',
  'shared/formats',
  'shared/inference',
  'shared/contribution',
  'shared/adapters',
  'shared/wire',
  'shared/candidates',
] as const;

let files: readonly SourceFile[];
beforeAll(async () => {
  files = await sourceFiles();
});

/** Imports that a rule forbids, as `file imports file`. */
function forbidden(rule: (from: string, to: string) => boolean): readonly string[] {
  return files.flatMap(({ path, imports }) =>
    imports.filter((own) => rule(path, own)).map((own) => `${path} imports ${own}`),
  );
}

const placeOf = (path: string): number => order.indexOf(folderOf(path) as (typeof order)[number]);
const programOf = (path: string): string => path.split('/')[0] ?? '';

describe('imports', () => {
  it('name files that are there', () => {
    const known = new Set(files.map(({ path }) => path));
    expect(files.length).toBeGreaterThan(300);
    expect(forbidden((_, to) => to.endsWith('.ts') && !known.has(to))).toEqual([]);
  });

  it('in shared/ never go to a folder above', () => {
    const folders = new Set(
      files.map(({ path }) => folderOf(path)).filter((own) => own.startsWith('shared')),
    );
    expect([...folders].sort()).toEqual([...order].sort());
    expect(
      forbidden(
        (from, to) =>
          programOf(from) === 'shared' && (programOf(to) !== 'shared' || placeOf(to) > placeOf(from)),
      ),
    ).toEqual([]);
  });

  it('never go from the agent to the merger, from the merger to the agent, or from either to deploy', () => {
    const allowed: Readonly<Record<string, readonly string[]>> = {
      shared: ['shared'],
      agent: ['agent', 'shared'],
      merger: ['merger', 'shared'],
      deploy: ['deploy', 'agent', 'merger', 'shared'],
    };
    const isAllowed = (from: string, to: string): boolean =>
      allowed[programOf(from)]?.includes(programOf(to)) ?? false;
    expect(forbidden((from, to) => to.endsWith('.ts') && !isAllowed(from, to))).toEqual([]);
  });

  it('never lead back to the file that they began from', () => {
    expect(cyclesIn(new Map(files.map(({ path, imports }) => [path, imports])))).toEqual([]);
  });

  it('never lead back to the folder that they began from', () => {
    const importsOf = new Map<string, Set<string>>();
    for (const { path, imports } of files) {
      const own = importsOf.get(folderOf(path)) ?? new Set<string>();
      for (const other of imports.filter((it) => it.endsWith('.ts')).map(folderOf)) {
        if (other !== folderOf(path)) own.add(other);
      }
      importsOf.set(folderOf(path), own);
    }
    expect(cyclesIn(importsOf)).toEqual([]);
  });
});

/** Ways that lead from a file or a folder back to it. */
function cyclesIn(importsOf: ReadonlyMap<string, Iterable<string>>): readonly string[] {
  const cycles: string[] = [];
  const finished = new Set<string>();
  const visit = (from: string, way: readonly string[]): void => {
    if (way.includes(from)) cycles.push([...way.slice(way.indexOf(from)), from].join(' -> '));
    if (way.includes(from) || finished.has(from)) return;
    for (const own of importsOf.get(from) ?? []) visit(own, [...way, from]);
    finished.add(from);
  };
  for (const from of importsOf.keys()) visit(from, []);
  return cycles;
}
