import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import {
  ChannelCredentials,
  type Client,
  loadPackageDefinition,
  type ServiceClientConstructor,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { describe, expect, it } from 'vitest';
import { openGrams } from '../../shared/contribution/open-grams.ts';
import { writeRecipe } from '../support/tiny-round.ts';
import { expectSameFolder, runJson, useWireFixture } from '../support/wire-fixture.ts';
import { type RunningMerger, runCommand, startCommand, startMerger } from '../support/wire-process.ts';

const fixture = useWireFixture();

async function startRound(
  more: readonly string[] = [],
  flags: readonly string[] = [],
): Promise<RunningMerger> {
  await writeRecipe(fixture.path('round.yaml'), 'base', ['north', 'south'], more);
  return startMerger(fixture.path('round.yaml'), fixture.path('store'), ['--plaintext', ...flags]);
}

const plain = (merger: RunningMerger) => ['--server', merger.address, '--plaintext'];
const contribute = async (merger: RunningMerger, agent: string) =>
  runJson(['agent', 'contribute', await fixture.contribution(agent), ...plain(merger)]);

describe('a round', () => {
  it('survives the death of its merger, merges when everyone has contributed, and gives the model back', async () => {
    const first = await startRound();
    await contribute(first, 'north');
    await first.kill('SIGKILL');

    const merger = await startMerger(fixture.path('round.yaml'), fixture.path('store'));
    const info = await runJson(['agent', 'info', ...plain(merger)]);
    expect(info).toMatchObject({ state: 'open', agents: [{ state: 'accepted' }, { state: 'awaited' }] });
    const early = await runCommand(['agent', 'fetch', '--out', fixture.path('early'), ...plain(merger)]);
    expect(early.code).toBe(1);
    expect(early.stderr).toContain('round reviews: must be merged before its model is fetched');

    const waiting = startCommand([
      'agent',
      'fetch',
      '--wait',
      '--out',
      fixture.path('fused'),
      ...plain(merger),
    ]);
    await waiting.waitFor(/round reviews: open, 1 of 2 agents have contributed/);
    await contribute(merger, 'south');
    expect(await waiting.result).toMatchObject({ code: 0 });
    expect((await waiting.result).stderr).toMatch(/south has contributed[\s\S]*merging[\s\S]*merged, 2 of 2/);

    const folders = [fixture.path('north'), fixture.path('south')];
    const offline = await runCommand([
      'merge',
      ...folders,
      '--out',
      fixture.path('offline'),
      '--alpha',
      '0.9',
    ]);
    expect(offline).toMatchObject({ code: 0 });
    await expectSameFile(fixture.path('fused'), fixture.path('offline'), 'model.safetensors');
  });

  it('gives every agent the model with its own head, where the recipe keeps heads apart', async () => {
    const merger = await startRound(['merge: { method: simple, heads: separate }']);
    for (const agent of ['north', 'south']) await contribute(merger, agent);
    const offline = ['--out', fixture.path('offline'), '--method', 'simple', '--heads', 'separate'];
    await runJson(['merge', fixture.path('north'), fixture.path('south'), ...offline]);
    const fetch = (...more: string[]) => runJson(['agent', 'fetch', '--wait', ...plain(merger), ...more]);
    for (const agent of ['north', 'south']) {
      await fetch('--name', agent, '--out', fixture.path(`${agent}-fused`));
      await expectSameFolder(fixture.path(`${agent}-fused`), fixture.path('offline', 'heads', agent));
    }
    await fetch('--out', fixture.path('encoder'));
    await expectSameFile(fixture.path('encoder'), fixture.path('offline'), 'model.safetensors');
  });

  it('is given back before a merger ends that was asked to exit when it is finished', async () => {
    const merger = await startRound([], ['--exit-when-finished']);
    const fetch = ['agent', 'fetch', '--wait', '--out', fixture.path('fused'), ...plain(merger)];
    const waiting = startCommand(fetch);
    await waiting.waitFor(/round reviews: open/);
    for (const agent of ['north', 'south']) await contribute(merger, agent);
    expect(await waiting.result).toMatchObject({ code: 0 });
    expect(await merger.result).toMatchObject({ code: 0 });
  });

  it('merges after a restart when the merger died between the last contribution and the merge', async () => {
    const first = await startRound();
    await contribute(first, 'north');
    const last = startCommand(['agent', 'contribute', await fixture.contribution('south'), ...plain(first)]);
    await first.waitFor(/ accepted agent=south/);
    await first.kill('SIGKILL');
    await last.kill('SIGKILL');

    const merger = await startMerger(fixture.path('round.yaml'), fixture.path('store'));
    await runJson(['agent', 'fetch', '--wait', '--out', fixture.path('fused'), ...plain(merger)]);
    expect(await runJson(['merger', 'status', '--store', fixture.path('store')])).toMatchObject({
      state: 'merged',
    });
  });

  it('is merged with the quorum once the deadline has passed, and takes nothing more', async () => {
    const before = await startRound();
    await contribute(before, 'north');
    await before.kill('SIGTERM');
    const past = new Date(Date.now() - 1_000).toISOString();
    const merger = await startRound([`deadline: ${past}`, 'quorum: 1']);
    await runJson(['agent', 'fetch', '--wait', '--out', fixture.path('fused'), ...plain(merger)]);
    const late = await runCommand([
      'agent',
      'contribute',
      await fixture.contribution('south'),
      ...plain(merger),
    ]);
    expect(late.code).toBe(1);
    expect(late.stderr).toContain('south: the round reviews is merged, not open');
  });

  it('fails when the deadline passes without the quorum, and opens again with a later deadline', async () => {
    const past = new Date(Date.now() - 1_000).toISOString();
    const merger = await startRound([`deadline: ${past}`], ['--exit-when-finished']);
    const end = await merger.result;
    expect(end.code).toBe(1);
    expect(end.stderr).toContain('the deadline passed with 0 contributions of the 2 needed');
    const later = new Date(Date.now() + 3_600_000).toISOString();
    const again = await startRound([`deadline: ${later}`]);
    expect(await runJson(['agent', 'info', ...plain(again)])).toMatchObject({
      state: 'open',
      deadline: later,
    });
  });

  it('merges its stored contributions again, any subset and any method', async () => {
    const merger = await startRound();
    await contribute(merger, 'north');
    const args = ['merger', 'merge', '--store', fixture.path('store'), '--out', fixture.path('again')];
    const report = await runJson([...args, '--agents', 'north', '--method', 'simple']);
    expect(report).toMatchObject({ method: 'simple', agents: [{ agent: 'north' }] });
    // Options of the recipe's method go with it; others stay, and every one can be given.
    const ridge = ['--agents', 'north', '--ridge', '0.5', '--heads', 'separate', '--average', 'attention'];
    expect(await runJson([...args, ...ridge])).toMatchObject({
      options: { alpha: 0.9, ridge: 0.5, gramScale: 'mean' },
      heads: 'separate',
    });
    expect((await runCommand([...args, '--method', 'simple', '--alpha', '0.9'])).stderr).toContain(
      'error: --alpha: needs --method regmean, got --method simple',
    );
    const result = await runCommand([...args, '--agents', 'south']);
    expect(result.code).toBe(2);
    expect(result.stderr).toContain('must be agents with a stored contribution, stored are north');
  });

  it('does not take over a change of the recipe that would change what agents do', async () => {
    const merger = await startRound();
    await merger.kill('SIGTERM');
    await writeRecipe(fixture.path('round.yaml'), 'base', ['north', 'south'], ['headSeed: 5']);
    const store = fixture.path('store');
    const result = await runCommand([
      'merger',
      'serve',
      '--recipe',
      fixture.path('round.yaml'),
      '--store',
      store,
      '--plaintext',
    ]);
    expect(result.code).toBe(2);
    expect(result.stderr).toContain('recipe: headSeed: it cannot change, the round reviews has begun');
  });

  it('ends in order on SIGTERM', async () => {
    const merger = await startRound();
    const end = await merger.kill('SIGTERM');
    expect(end.code).toBe(0);
    expect(end.stderr).toMatch(/info stopping reason="asked to stop"\n$/);
  });

  it.each([
    ['RegMean', ['grams.safetensors'], []],
    [
      'RegMean, normalisation layers too',
      ['grams.safetensors', 'norms.safetensors'],
      ['merge: { vectors: norms }', 'statistics: { norms: true }'],
    ],
    ['RegMean with factored Grams', ['grams.safetensors'], ['statistics: { grams: factored, rank: 4 }']],
    [
      'Fisher',
      ['fisher.safetensors'],
      [
        'merge: { method: fisher, fisherNormalize: model }',
        'statistics: { grams: false, fisher: { variant: soft, examples: 5 } }',
      ],
    ],
    [
      'K-FAC',
      ['grams.safetensors', 'output-grams.safetensors'],
      ['merge: { sides: both, outputs: gradients }', 'statistics: { outputGrams: { examples: 5 } }'],
    ],
  ])('is taken part in by one command per agent: %s', async (_, statistics, more) => {
    const training = 'training: { epochs: 1, batchSize: 4, learningRate: 0.001, maxLength: 8, seed: 1 }';
    const merger = await startRound([training, ...more]);
    const data = fixture.path('train.jsonl');
    const rows = Array.from({ length: 12 }, (_, i) =>
      JSON.stringify({ input_ids: [2, 5 + i, 9, 3], label: i % 2 }),
    );
    await writeFile(data, rows.join('\n'));
    const run = (agent: string) =>
      runJson([
        ...['agent', 'run', '--name', agent, '--train', data, '--threads', '1'],
        ...[
          '--work',
          fixture.path(`${agent}-work`),
          '--out',
          fixture.path(`${agent}-fused`),
          ...plain(merger),
        ],
      ]);
    const [north] = await Promise.all([run('north'), run('south')]);
    expect(north?.bytesSent).toBeGreaterThan(0);
    const sent = await readdir(fixture.path('north-work', 'contribution'));
    expect(sent.filter((name) => /^(grams|fisher|norms|output-grams)/.test(name)).sort()).toEqual(statistics);
    if (sent.includes('grams.safetensors')) {
      const grams = await openGrams(fixture.path('north-work', 'contribution', 'grams.safetensors'));
      const ranks = [...grams.grams.values()].map(({ storage, rank }) => rank ?? storage);
      await grams.close();
      const asked = more.some((line) => line.includes('factored'));
      // Of single tokens the diagonal alone.
      expect(ranks[0]).toBe(asked ? 0 : 'packed');
      for (const rank of ranks.slice(1)) expect(typeof rank).toBe(asked ? 'number' : 'string');
    }
    await expectSameFolder(fixture.path('north-fused'), fixture.path('south-fused'));
  });
});

async function expectSameFile(got: string, wanted: string, name: string): Promise<void> {
  const same = (await readFile(join(got, name))).equals(await readFile(join(wanted, name)));
  expect(same, `${name} differs`).toBe(true);
}

describe('the standard services', () => {
  const require = createRequire(import.meta.url);

  /** A client for a service of another package's .proto file. */
  function clientFor(
    packageName: string,
    proto: string,
    service: readonly string[],
    address: string,
  ): Client {
    const path = join(dirname(require.resolve(`${packageName}/package.json`)), proto);
    let found = loadPackageDefinition(loadSync(path, { enums: String })) as unknown;
    for (const name of service) found = (found as Record<string, unknown>)[name];
    return new (found as ServiceClientConstructor)(address, ChannelCredentials.createInsecure());
  }

  it('say that the merger is healthy', async () => {
    const merger = await startRound();
    const proto = 'proto/health/v1/health.proto';
    const client = clientFor('grpc-health-check', proto, ['grpc', 'health', 'v1', 'Health'], merger.address);
    const check = client as unknown as {
      check(request: object, done: (error: Error | null, response?: { status: string }) => void): void;
    };
    const status = await new Promise((resolve, reject) => {
      check.check({ service: 'regmean.v1.RoundService' }, (error, response) =>
        error === null ? resolve(response?.status) : reject(error),
      );
    });
    client.close();
    expect(status).toBe('SERVING');
  });

  it('list the services by reflection', async () => {
    const merger = await startRound();
    const proto = 'build/proto/grpc/reflection/v1/reflection.proto';
    const service = ['grpc', 'reflection', 'v1', 'ServerReflection'];
    const client = clientFor('@grpc/reflection', proto, service, merger.address);
    const info = client as unknown as { serverReflectionInfo(): NodeJS.ReadWriteStream };
    const call = info.serverReflectionInfo();
    const answer = new Promise((resolve, reject) => {
      call.on('data', resolve);
      call.on('error', reject);
    });
    call.write({ listServices: '' } as unknown as string);
    expect(JSON.stringify(await answer)).toContain('regmean.v1.RoundService');
    call.end();
    client.close();
  });
});
