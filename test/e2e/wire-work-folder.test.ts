import { readFile, stat, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { writeBase, writeRecipe } from '../support/tiny-round.ts';
import { jsonOf, useWireFixture } from '../support/wire-fixture.ts';
import { runCommand, startMerger } from '../support/wire-process.ts';

const fixture = useWireFixture();
const short = 'training: { epochs: 1, batchSize: 4, learningRate: 0.01, maxLength: 8, seed: 1 }';
const long = short.replace('epochs: 1', 'epochs: 2');

/** A round of one agent, with a store of its own. */
async function startRound(store: string, training: string, base = 'base') {
  await writeRecipe(fixture.path('round.yaml'), base, ['north'], [training]);
  return startMerger(fixture.path('round.yaml'), fixture.path(store));
}

async function writeData(name: string, shift: number): Promise<string> {
  const rows = Array.from({ length: 12 }, (_, i) =>
    JSON.stringify({ input_ids: [2, 5 + ((i + shift) % 12), 9, 3], label: i % 2 }),
  );
  await writeFile(fixture.path(name), rows.join('\n'));
  return fixture.path(name);
}

async function run(address: string, data: string, out: string, ...more: string[]) {
  const result = await runCommand([
    ...['agent', 'run', '--name', 'north', '--train', data, '--threads', '1', '--json'],
    ...['--work', fixture.path('work'), '--out', fixture.path(out)],
    ...['--server', address, '--plaintext', ...more],
  ]);
  return { ...result, result: result.code === 0 ? jsonOf(result) : undefined };
}

const bytesOf = (...path: string[]): Promise<Buffer> => readFile(fixture.path(...path));
const exists = (...path: string[]): Promise<boolean> =>
  stat(fixture.path(...path)).then(
    () => true,
    () => false,
  );

describe('the work folder of an agent', () => {
  it('is used again as it is in a second round with the same base, data and options', async () => {
    const data = await writeData('train.jsonl', 0);
    const first = await startRound('store-a', short);
    expect((await run(first.address, data, 'fused-a')).code).toBe(0);
    const trainedAt = (await stat(fixture.path('work', 'model', 'model.safetensors'))).mtimeMs;

    const second = await startRound('store-b', short);
    const again = await run(second.address, data, 'fused-b');
    expect(again.code, again.stderr).toBe(0);
    expect((await stat(fixture.path('work', 'model', 'model.safetensors'))).mtimeMs).toBe(trainedAt);
    expect(await exists('work', 'model.earlier')).toBe(false);
  });

  it.each([
    ['other training options', { training: long }],
    ['other data', { shift: 5 }],
    ['another base', { base: 'other-base' }],
  ] as const)('never contributes the old model to a round with %s', async (_, change) => {
    const {
      training = short,
      shift = 0,
      base = 'base',
    }: { training?: string; shift?: number; base?: string } = change;
    const first = await startRound('store-a', short);
    expect((await run(first.address, await writeData('train.jsonl', 0), 'fused-a')).code).toBe(0);
    const old = await bytesOf('work', 'contribution', 'model.safetensors');

    await writeBase(fixture.path('other-base'), { seed: 2 });
    const second = await startRound('store-b', training, base);
    const again = await run(second.address, await writeData('train.jsonl', shift), 'fused-b');
    expect(again.code, again.stderr).toBe(0);
    expect(again.stderr).toContain('begun anew, the earlier one is');
    const stored = ['store-b', 'rounds', 'reviews', 'contributions', 'north', 'model.safetensors'] as const;
    expect((await bytesOf(...stored)).equals(old)).toBe(false);
    expect((await bytesOf('work', 'contribution.earlier', 'model.safetensors')).equals(old)).toBe(true);
    expect(await exists('work', 'base.earlier')).toBe(base !== 'base');
  });

  it('collects statistics anew, and trains not again, where only they are wanted otherwise', async () => {
    const data = await writeData('train.jsonl', 0);
    const first = await startRound('store-a', short);
    expect((await run(first.address, data, 'fused-a')).code).toBe(0);
    await writeRecipe(
      fixture.path('round.yaml'),
      'base',
      ['north'],
      [short, 'merge: { method: fisher }', 'statistics: { fisher: { variant: empirical } }'],
    );
    const second = await startMerger(fixture.path('round.yaml'), fixture.path('store-b'));
    const again = await run(second.address, data, 'fused-b');
    expect(again.code, again.stderr).toBe(0);
    expect(await exists('work', 'contribution', 'fisher.safetensors')).toBe(true);
    expect(await exists('work', 'model.earlier')).toBe(false);
  });

  it('replaces what it contributed to the same round only when told to', async () => {
    await writeRecipe(fixture.path('round.yaml'), 'base', ['north', 'south'], [short]);
    const merger = await startMerger(fixture.path('round.yaml'), fixture.path('store'));
    const contributed = fixture.path('store', 'rounds', 'reviews', 'contributions', 'north');
    const arguments_ = (data: string) =>
      run(merger.address, data, 'fused', '--stall-timeout', '1').catch(() => undefined);
    void arguments_(await writeData('train.jsonl', 0));
    while (!(await stat(contributed).catch(() => null))) await new Promise((wait) => setTimeout(wait, 50));

    const refused = await run(merger.address, await writeData('other.jsonl', 3), 'fused');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('--replace');
  });
});
