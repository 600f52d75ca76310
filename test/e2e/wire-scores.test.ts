import { readdir, readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { writeRecipe } from '../support/tiny-round.ts';
import { jsonOf, runJson, useWireFixture } from '../support/wire-fixture.ts';
import { type RunningMerger, runCommand, startCommand, startMerger } from '../support/wire-process.ts';

const fixture = useWireFixture();
const training = 'training: { epochs: 1, batchSize: 4, learningRate: 0.01, maxLength: 8, seed: 1 }';
const candidates = '[{ method: simple }, { method: regmean, covariance: weights, scale: 1.5 }]';

async function startRound(merge: string, ...more: readonly string[]): Promise<RunningMerger> {
  await writeRecipe(
    fixture.path('round.yaml'),
    'base',
    ['north', 'south'],
    [`merge: ${merge}`, training, ...more],
  );
  return startAgain();
}

const startAgain = (): Promise<RunningMerger> =>
  startMerger(fixture.path('round.yaml'), fixture.path('store'));

const plain = (merger: RunningMerger) => ['--server', merger.address, '--plaintext'];

/** Rows whose class is told by their second token. */
async function writeData(name: string, shift: number, count = 12): Promise<string> {
  const rows = Array.from({ length: count }, (_, i) =>
    JSON.stringify({ input_ids: [2, 5 + ((i + shift) % 12), 9, 3], label: i % 2 }),
  );
  await writeFile(fixture.path(name), rows.join('\n'));
  return fixture.path(name);
}

/** The arguments of an agent that takes part in the whole round. */
async function agentRun(merger: RunningMerger, name: string, ...more: readonly string[]): Promise<string[]> {
  const shift = name === 'north' ? 0 : 5;
  return [
    ...['agent', 'run', '--name', name, '--train', await writeData(`${name}-train.jsonl`, shift)],
    ...['--dev', await writeData(`${name}-dev.jsonl`, shift, 30)],
    ...['--work', fixture.path(`${name}-work`), '--out', fixture.path(`${name}-fused`)],
    ...['--threads', '1', ...plain(merger), ...more],
  ];
}

interface Choice {
  readonly chosen: string;
  readonly by: string;
  readonly candidates: readonly {
    readonly name: string;
    readonly scores: Readonly<Record<string, { readonly metric: string; readonly value: number }>>;
  }[];
}

async function choiceOf(folder: string): Promise<Choice> {
  const report = await readFile(fixture.path(folder, 'merge-report.json'), 'utf8');
  return (JSON.parse(report) as { readonly choice: Choice }).choice;
}

describe('a round whose merge is chosen by scores', () => {
  it('gives back the candidate that is best on the private dev data of its agents', async () => {
    const merger = await startRound(`{ method: auto, candidates: ${candidates} }`);
    const agents = ['north', 'south'];
    const running = await Promise.all(agents.map(async (name) => startCommand(await agentRun(merger, name))));
    for (const agent of running) expect(await agent.result).toMatchObject({ code: 0 });

    const choice = await choiceOf('north-fused');
    expect(choice).toMatchObject({ by: 'scores', rule: 'mean' });
    const best = choice.candidates.find(({ name }) => name === choice.chosen);
    const meanOf = ({ scores }: Choice['candidates'][number]) =>
      agents.reduce((sum, agent) => sum + (scores[agent]?.value ?? Number.NaN) / agents.length, 0);
    expect(choice.candidates.map(({ name }) => name)).toEqual([
      'simple',
      'regmean-covariance-weights-scale-1.5',
    ]);
    expect(Math.max(...choice.candidates.map(meanOf))).toBe(best === undefined ? null : meanOf(best));

    for (const agent of agents) {
      const scored = await runCommand([
        ...['evaluate', '--model', fixture.path(`${agent}-fused`), '--task', 'text-classification', '--json'],
        ...['--data', fixture.path(`${agent}-dev.jsonl`)],
      ]);
      expect(jsonOf(scored)).toMatchObject([
        { main: best?.scores[agent]?.metric, metrics: { accuracy: best?.scores[agent]?.value } },
      ]);
      expect(await readdir(fixture.path(`${agent}-work`))).not.toContain('candidates');
    }
    const plainMerge =
      choice.chosen === 'simple' ? ['--method', 'simple'] : ['--covariance', 'weights', '--scale', '1.5'];
    const contributions = agents.map((agent) => fixture.path(`${agent}-work`, 'contribution'));
    await runJson([
      'merge',
      ...contributions,
      '--out',
      fixture.path('offline'),
      '--base',
      fixture.path('base'),
      ...plainMerge,
    ]);
    const weights = await readFile(fixture.path('offline', 'model.safetensors'));
    expect((await readFile(fixture.path('north-fused', 'model.safetensors'))).equals(weights)).toBe(true);
  });

  it('asks agents that have only contributed, and goes by those that have data', async () => {
    const merger = await startRound(`{ method: auto, candidates: ${candidates} }`);
    for (const agent of ['north', 'south']) {
      await runJson(['agent', 'contribute', await fixture.contribution(agent), ...plain(merger)]);
    }
    const dev = await writeData('dev.jsonl', 0, 30);
    const score = (name: string, ...more: string[]) =>
      runJson(['agent', 'score', '--name', name, '--work', fixture.path('work'), ...plain(merger), ...more]);
    expect(await score('north', '--dev', dev)).toMatchObject({
      scores: [
        { candidate: 'simple', metric: 'accuracy', examples: 30 },
        { candidate: 'regmean-covariance-weights-scale-1.5', metric: 'accuracy', examples: 30 },
      ],
    });
    expect(await runJson(['agent', 'info', ...plain(merger)])).toMatchObject({
      state: 'scoring',
      agents: [{ hasScored: true }, { hasScored: false }],
    });
    expect(await score('south')).toBeNull();
    await runJson(['agent', 'fetch', '--wait', '--out', fixture.path('fused'), ...plain(merger)]);
    const { by, candidates: scored } = await choiceOf('fused');
    expect(by).toBe('scores');
    for (const { scores } of scored) expect(Object.keys(scores)).toEqual(['north']);
  });

  it('takes the first candidate where nobody has data, and says so', async () => {
    const merger = await startRound(
      `{ method: auto, candidates: ${candidates} }`,
      'scoring: { minutes: 60 }',
    );
    const running = await Promise.all(
      ['north', 'south'].map(async (name) => startCommand(await agentRun(merger, name, '--no-scores'))),
    );
    for (const agent of running) expect(await agent.result).toMatchObject({ code: 0 });
    expect(await choiceOf('north-fused')).toMatchObject({ chosen: 'simple', by: 'order' });
  });

  it('scores each agent’s own head, where heads are kept apart', async () => {
    const merger = await startRound(`{ method: auto, candidates: ${candidates}, heads: separate }`);
    const running = await Promise.all(
      ['north', 'south'].map(async (name) => startCommand(await agentRun(merger, name))),
    );
    for (const agent of running) expect(await agent.result).toMatchObject({ code: 0 });
    const stored = await readdir(fixture.path('store', 'rounds', 'reviews', 'scores'));
    expect(stored.sort()).toEqual(['north.json', 'south.json']);
    const { choice } = JSON.parse(
      await readFile(fixture.path('store', 'rounds', 'reviews', 'merged', 'merge-report.json'), 'utf8'),
    ) as { readonly choice: Choice };
    expect(choice.by).toBe('scores');
  });

  it('awaits scores again after the death of its merger', async () => {
    const first = await startRound(`{ method: auto, candidates: ${candidates} }`);
    for (const agent of ['north', 'south']) {
      await runJson(['agent', 'contribute', await fixture.contribution(agent), ...plain(first)]);
    }
    const score = (merger: RunningMerger, name: string) =>
      runJson(['agent', 'score', '--name', name, '--work', fixture.path('work'), ...plain(merger)]);
    await score(first, 'north');
    await first.kill('SIGKILL');
    const second = await startAgain();
    expect(await runJson(['merger', 'status', '--store', fixture.path('store')])).toMatchObject({
      state: 'scoring',
      agents: [{ hasScored: true }, { hasScored: false }],
    });
    await score(second, 'south');
    await runJson(['agent', 'fetch', '--wait', '--out', fixture.path('fused'), ...plain(second)]);
    expect(await readdir(fixture.path('store', 'rounds', 'reviews'))).not.toContain('candidates');
  });
});
