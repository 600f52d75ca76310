/** @file A choice among candidates as people make it: by commands, with files that go around. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toyRows, writeRows, writeTinyBase } from '../support/tiny-model.ts';
import { runCommand } from '../support/wire-process.ts';

const task = 'text-classification';
const threads = ['--threads', '1'];
const agents = ['north', 'south'] as const;
let folder: string;
const at = (...names: string[]): string => join(folder, ...names);

/** Runs a command that must succeed. */
async function run(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCommand([...args, ...threads]);
  expect(code, stderr).toBe(0);
  return stdout;
}

/** The complaint of a command that must fail. */
async function refusal(...args: string[]): Promise<string> {
  const { code, stderr } = await runCommand([...args, ...threads]);
  expect(code).not.toBe(0);
  expect(stderr).not.toMatch(/^ +at /m);
  return stderr;
}

const merge = (...args: string[]): string[] => [
  ...['merge', at('north'), at('south'), '--method', 'auto', '--base', at('base'), ...args],
];
const weightsOf = (...path: string[]): Promise<Buffer> => readFile(at(...path, 'model.safetensors'));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-auto-'));
  await writeTinyBase(at('base'));
  for (const [index, agent] of agents.entries()) {
    const data = await writeRows(at(`${agent}-train.jsonl`), toyRows(task, 48, index + 1));
    await writeRows(at(`${agent}-dev.jsonl`), toyRows(task, 24, index + 11));
    const model = at(`${agent}-model`);
    await run(
      ...['train', '--model', at('base'), '--task', task, '--train', data, '--out', model],
      ...['--epochs', '2', '--lr', '5e-3', '--labels', 'cold,warm'],
    );
    await run(
      'stats',
      '--model',
      model,
      '--task',
      task,
      '--data',
      data,
      '--out',
      at(agent),
      '--agent',
      agent,
    );
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('candidates are merged, agents score them on their own data, and their scores choose', async () => {
  const told = await run(...merge('--candidates', at('shared')));
  expect(told).toContain('in 7 ways');
  const names = (await readdir(at('shared'))).filter((name) => name !== 'candidates.json');
  expect(names.length).toBe(7);

  // One agent scores the folder, the other all that lies in it, as a shell writes it out.
  const everything = (await readdir(at('shared'))).map((name) => at('shared', name));
  const evaluate = ['evaluate', '--task', task, '--json', '--model'];
  const scores: number[][] = [];
  for (const [agent, models] of [
    ['north', [at('shared')]],
    ['south', everything],
  ] as const) {
    const json = await run(...evaluate, ...models, '--data', at(`${agent}-dev.jsonl`));
    await writeFile(at(`${agent}.json`), json);
    const lines: { model: string; metrics: { accuracy: number }; candidate: { name: string } }[] =
      JSON.parse(json);
    expect(lines.map(({ candidate }) => candidate.name).sort()).toEqual(names);
    scores.push(
      names.map((name) => lines.find((own) => own.candidate.name === name)?.metrics.accuracy ?? -1),
    );
  }

  const files = ['--scores', at('north.json'), at('south.json')];
  const report = JSON.parse(
    await run(...merge(...files, '--choose', 'worst', '--out', at('fused'), '--json')),
  );
  const { candidates } = JSON.parse(await readFile(at('shared', 'candidates.json'), 'utf8'));
  const worst = candidates.map(({ name }: { name: string }) => {
    const index = names.indexOf(name);
    return Math.min(...scores.map((own) => own[index] as number));
  });
  const expected = candidates[worst.indexOf(Math.max(...worst))].name;
  expect(report.choice).toMatchObject({ chosen: expected, by: 'scores', rule: 'worst', incomplete: {} });
  expect((await weightsOf('fused')).equals(await weightsOf('shared', expected))).toBe(true);
  expect(JSON.parse(await readFile(at('fused', 'merge-report.json'), 'utf8'))).toEqual(report);
  const card = await readFile(at('fused', 'README.md'), 'utf8');
  for (const { title } of candidates) expect(card).toContain(`| ${title} |`);
  expect(await run(...merge(...files, '--out', at('fused')))).toMatch(/^chosen: .*highest mean over agents/m);

  // Scores are of these candidates and no others.
  const other = ['--coefficients', '0.9,0.1', '--out', at('other')];
  expect(await refusal(...merge(...files, ...other))).toContain('north: scores must be of these candidates');
  expect(await readdir(folder)).not.toContain('other');
});

it('without scores the first decides, and the developer is told so', async () => {
  const told = await run(...merge('--out', at('by-order')));
  expect(told).toContain(
    'chosen: RegMean, covariance weights. The first of the candidates that could be merged',
  );
  const plain = ['merge', at('north'), at('south'), '--base', at('base'), '--covariance', 'weights'];
  await run(...plain, '--out', at('plain'));
  expect((await weightsOf('by-order')).equals(await weightsOf('plain'))).toBe(true);
});

it('the developer’s own data choose too', async () => {
  const args = merge(
    '--validation',
    at('north-dev.jsonl'),
    '--among',
    'ties',
    '--among',
    'simple',
    '--out',
    at('dev'),
  );
  const told = await run(...args);
  expect(told).toContain('best candidate on the developer’s validation data');
  expect(told).toMatch(/^candidate: ties: TIES: validation accuracy \d\.\d{4}$/m);
  expect((await readdir(folder)).filter((name) => name.startsWith('.'))).toEqual([]);
});

it('agents with heads of their own score the candidates with theirs', async () => {
  const separate = ['--heads', 'separate', '--among', 'simple', '--among', 'regmean'];
  await run(...merge(...separate, '--candidates', at('apart')));
  const evaluate = [
    'evaluate',
    '--task',
    task,
    '--json',
    '--model',
    at('apart'),
    '--data',
    at('north-dev.jsonl'),
  ];
  expect(await refusal(...evaluate)).toContain('say whose with --agent');
  const files: string[] = [];
  for (const agent of agents) {
    files.push(at(`apart-${agent}.json`));
    await writeFile(files.at(-1) as string, await run(...evaluate, '--agent', agent));
  }
  const report = JSON.parse(
    await run(...merge(...separate, '--scores', ...files, '--out', at('heads'), '--json')),
  );
  expect(Object.keys(report.choice.candidates[0].scores)).toEqual(['north', 'south']);
  expect(await readdir(at('heads', 'heads'))).toEqual(['north', 'south']);
});

describe('flags that do not go together are refused', () => {
  it.each([
    [['--candidates', 'c', '--out', 'o'], '--candidates: writes what is chosen from, --out chooses; use one'],
    [['--candidates', 'c', '--scores', 's'], '--scores chooses; use one'],
    [[], '--out: must be given'],
    [['--out', 'o', '--trials', '3'], '--trials: searches coefficients'],
    [['--out', 'o', '--scores', 'nowhere.json'], 'nowhere.json: no such file'],
    [['--out', 'o', '--alpha', '0.5'], '--alpha: must be given to a candidate, --method is auto'],
  ])('%j', async (args, complaint) => {
    expect(await refusal(...merge(...args))).toContain(complaint);
  });

  it('and those of the choice with a method', async () => {
    const plain = ['merge', at('north'), at('south'), '--out', at('x')];
    expect(await refusal(...plain, '--scores', 'a.json')).toContain(
      '--scores: needs --method auto, got --method regmean',
    );
  });
});
