import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toyRows, writeRows, writeTinyBase } from '../support/tiny-model.ts';
import { runCommand } from '../support/wire-process.ts';

const task = ['--task', 'token-classification'];
const threads = ['--threads', '1'];
let folder: string;
const at = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-path-'));
  await writeTinyBase(at('base'));
  for (const [agent, seed] of [
    ['north', 1],
    ['south', 2],
  ] as const) {
    await writeRows(at(`${agent}.jsonl`), toyRows('token-classification', 64, seed));
  }
  await writeRows(at('test.jsonl'), toyRows('token-classification', 32, 3));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs a command that must succeed; returns its standard output as JSON. */
async function json(...args: string[]): Promise<unknown> {
  const { code, stdout, stderr } = await runCommand([...args, '--json']);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}

describe('the path on one machine', () => {
  it('goes from two agents data over their contributions to one model, and scores it beside them', async () => {
    for (const agent of ['north', 'south']) {
      const data = at(`${agent}.jsonl`);
      const hyper = ['--epochs', '10', '--lr', '5e-3', '--labels', 'cold,edge,warm', ...threads];
      const trained = await json(
        'train',
        '--model',
        at('base'),
        ...task,
        '--train',
        data,
        '--out',
        at(agent),
        ...hyper,
      );
      expect(trained).toMatchObject({
        out: at(agent),
        labels: ['cold', 'edge', 'warm'],
        trainExamples: 64,
        epoch: 10,
        steps: 40,
      });

      const collected = await json(
        ...['stats', '--model', at(agent), ...task, '--data', data, '--out', at(`${agent}-contribution`)],
        ...['--agent', agent, ...threads],
      );
      expect(collected).toMatchObject({ grams: 5, linearLayers: 7, examples: 64, batches: 4 });
    }
    const contributions = [at('north-contribution'), at('south-contribution')];
    const report = await json('merge', ...contributions, '--out', at('fused'), '--alpha', '0.9');
    expect(report).toMatchObject({
      agents: [{ agent: 'north' }, { agent: 'south' }],
      parameters: { solved: 7 },
    });

    const models = ['north', 'south', 'fused'].map(at);
    const files = [at('test.jsonl'), at('north.jsonl')];
    const evaluate = [
      'evaluate',
      '--model',
      ...models,
      ...task,
      '--data',
      ...files,
      '--ensemble',
      ...threads,
    ];
    const scores = (await json(...evaluate)) as {
      model: string;
      data: string;
      examples: number;
      main: string;
      metrics: Record<string, number>;
    }[];
    expect(scores.map(({ model, data, examples }) => [model, data, examples])).toEqual(
      [...models, 'ensemble'].flatMap((model) =>
        files.map((file, index) => [model, file, index === 0 ? 32 : 64]),
      ),
    );
    // A tag can be read off its token alone, so both agents learn it and their fusion keeps it.
    for (const { model, metrics } of scores) expect(metrics.accuracy, model).toBeGreaterThan(0.8);

    const { code, stdout } = await runCommand(evaluate);
    expect(code).toBe(0);
    expect(stdout.trimEnd().split('\n')).toHaveLength(8);
    expect(await readFile(join(at('fused'), 'README.md'), 'utf8')).toContain('regmean');
  });
});
