import { readFile, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { startProxy } from '../support/tcp-proxy.ts';
import { writeRecipe } from '../support/tiny-round.ts';
import { expectSameFolder, jsonOf, runJson, useWireFixture } from '../support/wire-fixture.ts';
import { startCommand, startMerger } from '../support/wire-process.ts';

const mebibyte = 1024 * 1024;
/** 12 MiB of word embeddings: a dozen chunks. */
const fixture = useWireFixture(200_000);

async function startRound() {
  await writeRecipe(fixture.path('round.yaml'), 'base', ['north', 'south']);
  return startMerger(fixture.path('round.yaml'), fixture.path('store'));
}

const stored = (agent: string) => fixture.path('store', 'rounds', 'reviews', 'contributions', agent);

/** Where the merger writes what reaches it of an upload. */
const incoming = (agent: string) =>
  fixture.path('store', 'rounds', 'reviews', 'incoming', agent, 'files', 'model.safetensors');

/** Waits until so many bytes of what the proxy let through are in the receiver's file. */
async function untilWritten(path: string, bytes: number): Promise<void> {
  while ((await stat(path).catch(() => ({ size: 0 }))).size < bytes) await sleep(20);
}

describe('an interrupted upload', () => {
  it('continues at the committed offset after the agent was killed, and ends in the same bytes', async () => {
    const merger = await startRound();
    const proxy = await startProxy(merger.address);
    const contribution = await fixture.contribution('north');
    const held = proxy.holdAfter('up', 7 * mebibyte);
    const first = startCommand([
      'agent',
      'contribute',
      contribution,
      '--server',
      proxy.address,
      '--plaintext',
    ]);
    await held;
    await untilWritten(incoming('north'), 4 * mebibyte);
    await first.kill('SIGKILL');
    await proxy.close();

    const status = await runJson(['agent', 'info', '--server', merger.address, '--plaintext']);
    const [north] = status.agents as { state: string; bytesReceived: number }[];
    expect(north?.state).toBe('uploading');
    expect(north?.bytesReceived).toBeGreaterThanOrEqual(4 * mebibyte);

    const args = ['agent', 'contribute', contribution, '--server', merger.address, '--plaintext'];
    const result = await runJson(args);
    expect(result.bytesSent).toBe(Number(result.bytesTotal) - Number(north?.bytesReceived));
    await expectSameFolder(stored('north'), contribution);
  });

  it('continues by itself after the merger was killed and started again', async () => {
    const merger = await startRound();
    const proxy = await startProxy(merger.address);
    const contribution = await fixture.contribution('north');
    const held = proxy.holdAfter('up', 7 * mebibyte);
    const agent = startCommand([
      'agent',
      'contribute',
      contribution,
      '--server',
      proxy.address,
      '--plaintext',
      '--json',
    ]);
    await held;
    await untilWritten(incoming('north'), 4 * mebibyte);
    await merger.kill('SIGKILL');
    const sentBefore = proxy.count('up');
    const restarted = await startMerger(fixture.path('round.yaml'), fixture.path('store'));
    proxy.target(restarted.address);
    proxy.release();

    const result = jsonOf(await agent.result);
    expect(result.alreadyStored).toBe(false);
    expect(proxy.count('up') - sentBefore).toBeLessThan(Number(result.bytesTotal) - 4 * mebibyte);
    await expectSameFolder(stored('north'), contribution);
    await proxy.close();
  });

  it('is not sent again when it was stored but the agent did not hear so', async () => {
    const merger = await startRound();
    const contribution = await fixture.contribution('north');
    const args = ['agent', 'contribute', contribution, '--server', merger.address, '--plaintext'];
    await runJson(args);
    expect(await runJson(args)).toMatchObject({ alreadyStored: true, bytesSent: 0 });
  });

  it('is stored although the agent goes away while it is being checked', async () => {
    const merger = await startRound();
    const contribution = await fixture.contribution('north');
    const agent = startCommand([
      'agent',
      'contribute',
      contribution,
      '--server',
      merger.address,
      '--plaintext',
    ]);
    await merger.waitFor(/ checking agent=north/);
    await agent.kill('SIGKILL');
    await merger.waitFor(/ accepted agent=north/);
    await expectSameFolder(stored('north'), contribution);
  });
});

describe('an interrupted fetch', () => {
  it('by Ctrl-C ends in order and continues at the byte where it was cut', async () => {
    const merger = await startRound();
    const proxy = await startProxy(merger.address);
    const out = fixture.path('fetched');
    const args = (address: string) => [
      'agent',
      'fetch-base',
      '--out',
      out,
      '--server',
      address,
      '--plaintext',
    ];
    const held = proxy.holdAfter('down', 7 * mebibyte);
    const first = startCommand(args(proxy.address));
    await held;
    const partial = `${out}.partial/model.safetensors`;
    await untilWritten(partial, 5 * mebibyte);
    const stopped = await first.kill('SIGINT');
    expect(stopped.code).toBe(130);
    expect(stopped.stderr).toContain('error: stopped; the same command continues');
    await proxy.close();
    const present = (await readFile(partial)).length;
    expect(present).toBeGreaterThan(4 * mebibyte);

    const result = await runJson(args(merger.address));
    expect(result.bytesReceived).toBeLessThanOrEqual(Number(result.bytesTotal) - present);
    await expectSameFolder(out, fixture.path('base'));
  });
});
