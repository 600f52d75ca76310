import { readdir, readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { writeRecipe } from '../support/tiny-round.ts';
import { runJson, useWireFixture } from '../support/wire-fixture.ts';
import { type RunningMerger, runCommand, startCommand, startMerger } from '../support/wire-process.ts';

// Many words make the base large, as it is where adapters are worth it.
const fixture = useWireFixture(20_000);
const agents = ['north', 'south'];
const training =
  'training: { epochs: 1, batchSize: 4, learningRate: 0.01, maxLength: 8, seed: 1, lora: { rank: 2 } }';

async function startRound(merge: string): Promise<RunningMerger> {
  await writeRecipe(fixture.path('round.yaml'), 'base', agents, [`merge: ${merge}`, training]);
  return startMerger(fixture.path('round.yaml'), fixture.path('store'), ['--plaintext']);
}

const plain = (merger: RunningMerger) => ['--server', merger.address, '--plaintext'];

/** Rows whose class is told by their second token. */
async function writeData(name: string, shift: number): Promise<string> {
  const rows = Array.from({ length: 12 }, (_, i) =>
    JSON.stringify({ input_ids: [2, 5 + ((i + shift) % 12), 9, 3], label: i % 2 }),
  );
  await writeFile(fixture.path(name), rows.join('\n'));
  return fixture.path(name);
}

async function agentRun(merger: RunningMerger, name: string): Promise<Record<string, unknown>> {
  const data = await writeData(`${name}.jsonl`, name === 'north' ? 0 : 5);
  const result = await startCommand([
    ...['agent', 'run', '--name', name, '--train', data, '--dev', data, '--threads', '1', '--json'],
    ...['--work', fixture.path(`${name}-work`), '--out', fixture.path(`${name}-fused`), ...plain(merger)],
  ]).result;
  expect(result, result.stderr).toMatchObject({ code: 0 });
  return JSON.parse(result.stdout);
}

const contributions = (): string[] => agents.map((agent) => fixture.path(`${agent}-work`, 'contribution'));

async function expectAsOffline(fused: string, ...method: readonly string[]): Promise<void> {
  const offline = fixture.path('offline');
  await runJson(['merge', ...contributions(), '--base', fixture.path('base'), '--out', offline, ...method]);
  const weights = await readFile(fixture.path('offline', 'adapter_model.safetensors'));
  expect((await readFile(fixture.path(fused, 'adapter_model.safetensors'))).equals(weights)).toBe(true);
}

describe('a round of adapters', () => {
  it('moves adapters alone, both ways, and merges them as they are merged offline', async () => {
    const merger = await startRound('{ method: regmean, covariance: weights }');
    const results = await Promise.all(agents.map((name) => agentRun(merger, name)));
    expect((await readdir(fixture.path('north-work', 'contribution'))).sort()).toEqual([
      'adapter_config.json',
      'adapter_model.safetensors',
      'contribution.json',
    ]);
    const config = await readFile(fixture.path('north-work', 'contribution', 'adapter_config.json'), 'utf8');
    expect(JSON.parse(config)).toMatchObject({ base_model_name_or_path: 'base', r: 2 });
    const whole = (await readFile(fixture.path('base', 'model.safetensors'))).length;
    for (const { bytesSent } of results) expect(Number(bytesSent)).toBeLessThan(whole / 40);
    await expectAsOffline('north-fused', '--covariance', 'weights');
    expect((await readdir(fixture.path('south-fused'))).sort()).toEqual([
      'README.md',
      'adapter_config.json',
      'adapter_model.safetensors',
      'merge-report.json',
      'training.json',
    ]);
    const full = ['adapter', '--model', fixture.path('south-fused'), '--base', fixture.path('base')];
    expect(await runJson([...full, '--out', fixture.path('full')])).toMatchObject({
      labels: ['negative', 'positive'],
    });
  });

  it('lets agents choose among merges, each scored on the base', async () => {
    const merger = await startRound('{ method: auto, candidates: [{ method: simple }, { method: ties }] }');
    await Promise.all(agents.map((name) => agentRun(merger, name)));
    const report = JSON.parse(await readFile(fixture.path('north-fused', 'merge-report.json'), 'utf8'));
    expect(report.choice).toMatchObject({ by: 'scores', incomplete: {} });
    expect(Object.keys(report.choice.candidates[0].scores)).toEqual(agents);
    await expectAsOffline('north-fused', '--method', report.choice.chosen, '--base', fixture.path('base'));
  });

  it('takes no whole model, and no adapter of another rank', async () => {
    const merger = await startRound('{ method: simple }');
    const send = async (folder: string): Promise<string> => {
      const result = await runCommand(['agent', 'contribute', folder, ...plain(merger)]);
      expect(result.code).toBe(1);
      return result.stderr;
    };
    expect(await send(await fixture.contribution('north'))).toContain(
      'contribution of north: model: must hold adapter_config.json',
    );
    const data = await writeData('south.jsonl', 1);
    const task = ['--task', 'text-classification'];
    const labels = ['--labels', 'negative,positive'];
    await runJson([
      ...['train', '--model', fixture.path('base'), ...task, ...labels, '--train', data],
      ...['--lora', '3', '--epochs', '1', '--head-seed', '0', '--out', fixture.path('lora')],
    ]);
    await runJson([
      ...['stats', '--model', fixture.path('lora'), ...task, '--agent', 'south'],
      ...['--out', fixture.path('south')],
    ]);
    expect(await send(fixture.path('south'))).toMatch(
      /contribution of south: adapter_model.safetensors: bert\.\S+ must have an update of rank 2, got 3/,
    );
  });

  it('needs a method without data', async () => {
    await writeRecipe(fixture.path('round.yaml'), 'base', agents, ['merge: { method: regmean }', training]);
    const result = await runCommand([
      ...['merger', 'serve', '--recipe', fixture.path('round.yaml'), '--store', fixture.path('store')],
      ...['--listen', '127.0.0.1:0', '--plaintext'],
    ]);
    expect(result).toMatchObject({ code: 2 });
    expect(result.stderr).toContain(
      'merge: must need no data where agents train adapters (training.lora), the regmean method needs Grams',
    );
  });
});
