/** @file A round that merges twice, the second time with Grams collected in the first merge. */
import { createHash } from 'node:crypto';
import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { writeRecipe, writeTinyContribution } from '../support/tiny-round.ts';
import { runJson, useWireFixture } from '../support/wire-fixture.ts';
import { type RunningMerger, runCommand, startCommand, startMerger } from '../support/wire-process.ts';

const fixture = useWireFixture();
const training = 'training: { epochs: 1, batchSize: 4, learningRate: 0.01, maxLength: 8, seed: 1 }';
const agents = ['north', 'south'] as const;
const task = ['--task', 'text-classification'];
const threads = ['--threads', '1'];

async function startRound(merge: string, ...more: readonly string[]): Promise<RunningMerger> {
  const lines = [`merge: ${merge}`, training, ...more];
  await writeRecipe(fixture.path('round.yaml'), 'base', agents, lines);
  return startAgain();
}

const startAgain = (): Promise<RunningMerger> =>
  startMerger(fixture.path('round.yaml'), fixture.path('store'));

const plain = (merger: RunningMerger) => ['--server', merger.address, '--plaintext'];
const stored = (...path: string[]) => fixture.path('store', 'rounds', 'reviews', ...path);

async function writeData(name: string): Promise<string> {
  const shift = name === 'north' ? 0 : 5;
  const rows = Array.from({ length: 12 }, (_, i) =>
    JSON.stringify({ input_ids: [2, 5 + ((i + shift) % 12), 9, 3], label: i % 2 }),
  );
  await writeFile(fixture.path(`${name}.jsonl`), rows.join('\n'));
  return fixture.path(`${name}.jsonl`);
}

async function agentRun(merger: RunningMerger, name: string): Promise<string[]> {
  return [
    ...['agent', 'run', '--name', name, '--train', await writeData(name)],
    ...['--work', fixture.path(`${name}-work`), '--out', fixture.path(`${name}-fused`)],
    ...['--json', ...threads, ...plain(merger)],
  ];
}

const refineArgs = async (merger: RunningMerger, name: string): Promise<string[]> => [
  ...['agent', 'refine', '--name', name, '--data', await writeData(name)],
  ...['--contribution', fixture.path(name), '--work', fixture.path(`${name}-refine`)],
  ...[...threads, ...plain(merger)],
];

interface Ran {
  readonly bytesSent: number;
}

describe('a round of two merges', () => {
  it.each([
    ['united', 'mean'],
    ['separate', 'norms'],
  ])(
    'gives what the same commands give offline, with %s heads, and of normalisation layers %s',
    async (heads, vectors) => {
      const merger = await startRound(
        `{ method: regmean, rounds: 2, heads: ${heads}, vectors: ${vectors} }`,
        `statistics: { norms: ${vectors === 'norms'} }`,
      );
      const running = await Promise.all(
        agents.map(async (name) => startCommand(await agentRun(merger, name))),
      );
      for (const agent of running) {
        const result = await agent.result;
        expect(result, result.stderr).toMatchObject({ code: 0 });
        // The base's and the fused model's size, and Grams twice, but the weights once.
        const { bytesSent } = JSON.parse(result.stdout) as Ran;
        const sizeOf = async (file: string) =>
          (await readFile(fixture.path('north-work', 'contribution', file))).length;
        const [weights, grams] = [await sizeOf('model.safetensors'), await sizeOf('grams.safetensors')];
        expect(bytesSent).toBeGreaterThan(weights + 2 * grams);
        expect(bytesSent).toBeLessThan(2 * weights + 2 * grams);
      }
      expect(await readdir(stored('refinements', 'grams', 'contributions'))).toEqual(['north', 'south']);
      expect(await readdir(stored('refinements', 'grams'))).not.toContain('model');
      expect(await readdir(fixture.path('north-work'))).not.toContain('interim');

      const sent = agents.map((agent) => fixture.path(`${agent}-work`, 'contribution'));
      const apart = ['--heads', heads, '--vectors', vectors];
      const norms = vectors === 'norms' ? ['--norms'] : [];
      await runJson(['merge', ...sent, '--out', fixture.path('first'), ...apart]);
      for (const agent of agents) {
        const own = heads === 'separate' ? ['heads', agent] : [];
        await runJson([
          ...['stats', '--model', fixture.path(`${agent}-work`, 'model'), ...task, '--agent', agent],
          ...['--inputs-from', fixture.path('first', ...own), '--data', fixture.path(`${agent}.jsonl`)],
          ...['--out', fixture.path(`${agent}-again`), '--batch-size', '4', '--max-length', '8'],
          ...[...norms, ...threads],
        ]);
      }
      const again = agents.map((agent) => fixture.path(`${agent}-again`));
      await runJson(['merge', ...again, '--out', fixture.path('second'), ...apart]);
      const weights = await readFile(fixture.path('second', 'model.safetensors'));
      expect((await readFile(stored('merged', 'model.safetensors'))).equals(weights)).toBe(true);

      const report = JSON.parse(await readFile(stored('merged', 'merge-report.json'), 'utf8'));
      for (const { inputsFrom } of report.agents) expect(inputsFrom).toMatch(/^[0-9a-f]{64}$/);
    },
  );

  it('fits the head to the data of all agents, on what the second merge reads', async () => {
    const merger = await startRound('{ method: regmean, rounds: 2, ridgeHead: 0.5 }');
    const running = await Promise.all(agents.map(async (name) => startCommand(await agentRun(merger, name))));
    for (const agent of running) {
      const result = await agent.result;
      expect(result, result.stderr).toMatchObject({ code: 0 });
    }
    const report = JSON.parse(await readFile(stored('merged', 'merge-report.json'), 'utf8'));
    expect(report.head).toMatchObject({
      layer: 'classifier',
      ridge: 0.5,
      agents: [
        { agent: 'north', examples: 12 },
        { agent: 'south', examples: 12 },
      ],
    });
    for (const { inputsFrom } of report.agents) expect(inputsFrom).toMatch(/^[0-9a-f]{64}$/);

    const again = agents.map((agent) => stored('refinements', 'grams', 'contributions', agent));
    await runJson(['merge', ...again, '--out', fixture.path('second')]);
    const second = ['--model', fixture.path('second')];
    const files: string[] = [];
    for (const agent of agents) {
      files.push(fixture.path(`${agent}-head.safetensors`));
      await runJson([
        ...['head-stats', ...second, ...task, '--data', fixture.path(`${agent}.jsonl`), '--agent', agent],
        ...['--out', fixture.path(`${agent}-head.safetensors`), '--batch-size', '4', ...threads],
      ]);
    }
    await runJson([
      'head',
      ...files,
      ...second,
      '--out',
      fixture.path('third'),
      '--ridge',
      '0.5',
      ...threads,
    ]);
    const weights = await readFile(fixture.path('third', 'model.safetensors'));
    expect((await readFile(stored('merged', 'model.safetensors'))).equals(weights)).toBe(true);
    expect((await readFile(fixture.path('north-fused', 'model.safetensors'))).equals(weights)).toBe(true);
  });

  it('fits the head to the data of those who answer, and refuses other sums', async () => {
    const merger = await startRound('{ method: simple, ridgeHead: 1 }', 'refining: { minutes: 0.4 }');
    for (const agent of agents) {
      await runJson(['agent', 'contribute', await fixture.contribution(agent), ...plain(merger)]);
    }
    const told = await runCommand(await refineArgs(merger, 'south'));
    expect(told, told.stderr).toMatchObject({ stdout: 'south: what was asked for was sent\n' });
    // South's sums under the name of north.
    const forged = fixture.path('north-refine', 'refined-head');
    await cp(
      fixture.path('south-refine', 'refined-head', 'head.safetensors'),
      fixture.path('head.safetensors'),
    );
    await cp(fixture.path('north'), forged, { recursive: true });
    await cp(fixture.path('head.safetensors'), join(forged, 'head.safetensors'));
    const manifest = JSON.parse(await readFile(join(forged, 'contribution.json'), 'utf8'));
    const bytes = await readFile(join(forged, 'head.safetensors'));
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    manifest.files['head.safetensors'] = { bytes: bytes.length, sha256 };
    await writeFile(join(forged, 'contribution.json'), JSON.stringify(manifest));
    const refused = await runCommand(['agent', 'contribute', forged, ...plain(merger)]);
    expect(refused.stderr).toContain('head.safetensors: agent must be "north", got "south"');

    await runJson(['agent', 'fetch', '--wait', '--out', fixture.path('fused'), ...plain(merger)]);
    const { head } = JSON.parse(await readFile(stored('merged', 'merge-report.json'), 'utf8'));
    expect(head.agents.map(({ agent }: { agent: string }) => agent)).toEqual(['south']);
  });

  it('awaits Grams again after the death of its merger, and does without those that do not come', async () => {
    const first = await startRound('{ method: regmean, rounds: 2 }', 'refining: { minutes: 0.5 }');
    for (const agent of agents) {
      await runJson(['agent', 'contribute', await fixture.contribution(agent), ...plain(first)]);
    }
    expect(await runJson([...(await refineArgs(first, 'north')), '--json'])).toMatchObject({ isSent: true });
    await first.kill('SIGKILL');
    const second = await startAgain();
    const status = await runJson(['merger', 'status', '--store', fixture.path('store')]);
    expect(status).toMatchObject({
      state: 'refining',
      merge: { rounds: 2 },
      refining: { wanted: 'grams' },
      agents: [{ hasRefined: true }, { hasRefined: false }],
    });
    const told = await runCommand(['merger', 'status', '--server', second.address, '--plaintext']);
    expect(told.stdout).toMatch(/^asked {5}agents, for grams in the interim model, until \d{4}-/m);
    expect(told.stdout).toMatch(/^agent {5}north: accepted, .*, has answered$/m);

    await runJson(['agent', 'fetch', '--wait', '--out', fixture.path('fused'), ...plain(second)]);
    const report = JSON.parse(await readFile(stored('merged', 'merge-report.json'), 'utf8'));
    const collected = report.agents.map(
      ({ inputsFrom }: { inputsFrom: string | null }) => inputsFrom !== null,
    );
    expect(collected).toEqual([true, false]);
    const late = await runCommand(await refineArgs(second, 'south'));
    expect(late.stdout).toBe('south: nothing was sent\n');
  });

  it('refuses other weights than those that were sent, and Grams of another model', async () => {
    const merger = await startRound('{ method: regmean, rounds: 2 }');
    for (const agent of agents) {
      await runJson(['agent', 'contribute', await fixture.contribution(agent), ...plain(merger)]);
    }
    const info = ['agent', 'info', ...plain(merger)];
    const isAsking = async () => expect(await runJson(info)).toMatchObject({ state: 'refining' });
    await vi.waitFor(isAsking, { timeout: 30_000, interval: 500 });
    const other = fixture.path('other');
    await writeTinyContribution(other, { agent: 'north', base: fixture.path('base'), seed: 3 });
    const weights = await runCommand(['agent', 'contribute', other, ...plain(merger)]);
    expect(weights.stderr).toContain(
      'manifest of north: model.safetensors must be as it was in the contribution, only grams.safetensors is asked',
    );
    const elsewhere = await runCommand([
      ...[
        'stats',
        '--model',
        fixture.path('north'),
        '--base',
        fixture.path('base'),
        ...task,
        '--agent',
        'north',
      ],
      ...['--inputs-from', fixture.path('south'), '--data', await writeData('north')],
      ...['--out', fixture.path('elsewhere'), ...threads],
    ]);
    expect(elsewhere, elsewhere.stderr).toMatchObject({ code: 0 });
    const grams = await runCommand(['agent', 'contribute', fixture.path('elsewhere'), ...plain(merger)]);
    expect(grams.stderr).toMatch(
      /contribution\.json: fingerprint of the model of the Grams must be \w+, got \w+/,
    );
  });
});
