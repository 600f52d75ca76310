/** @file Bases that another version of this program identified, on both sides of the wire. */
import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { fingerprintFormat } from '../../shared/formats/fingerprint-weights.ts';
import { formerBase } from '../support/former-base.ts';
import { writeRecipe } from '../support/tiny-round.ts';
import { useWireFixture } from '../support/wire-fixture.ts';
import { type RunningMerger, runCommand, startMerger } from '../support/wire-process.ts';

const fixture = useWireFixture();
const recipe = (): string => fixture.path('round.yaml');

async function startRound(): Promise<RunningMerger> {
  await writeRecipe(recipe(), 'base', ['north', 'south']);
  return startMerger(recipe(), fixture.path('store'));
}

/** Gives the stored round the fingerprint of version 0.1. */
async function storeFormerFingerprint(format: { readonly fingerprintFormat?: string }): Promise<void> {
  const path = fixture.path('store', 'rounds', 'reviews', 'round.json');
  const { base, ...record } = JSON.parse(await readFile(path, 'utf8'));
  const { baseFingerprint: fingerprint } = await formerBase(fixture.path('base'));
  await writeFile(path, JSON.stringify({ ...record, base: { fingerprint, ...format, files: base.files } }));
}

describe('a base that another version identified', () => {
  it('in a contribution is refused with the version and what to do', async () => {
    const merger = await startRound();
    const claimedBase = await formerBase(fixture.path('base'));
    const folder = await fixture.contribution('north', { claimedBase });
    const contribute = ['agent', 'contribute', folder, '--server', merger.address, '--plaintext'];
    const { code, stderr } = await runCommand(contribute);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /contribution\.json of north: base fingerprint must be [0-9a-f]{64}, got [0-9a-f]{64}/,
    );
    expect(stderr).toContain(
      'hint: the contribution was made by another version of regmean, which identifies bases in another way ' +
        '(regmean-base/1, here regmean-base/2): make it anew with this version, by regmean stats --base BASE',
    );
  });

  it('in a round is told by the agent that fetches the base of such a merger', async () => {
    await (await startRound()).kill('SIGTERM');
    await storeFormerFingerprint({ fingerprintFormat });
    const merger = await startMerger(recipe(), fixture.path('store'));
    const fetch = ['agent', 'fetch-base', '--server', merger.address, '--plaintext'];
    const { code, stderr } = await runCommand([...fetch, '--out', fixture.path('fetched')]);
    expect(code).toBe(1);
    expect(stderr).toContain('hint: it is the same base: the merger runs an earlier version of regmean');
  });

  it('in a stored round is refused before it is served on', async () => {
    await (await startRound()).kill('SIGTERM');
    await storeFormerFingerprint({});
    const serve = ['merger', 'serve', '--recipe', recipe(), '--store', fixture.path('store')];
    const { code, stderr } = await runCommand([...serve, '--listen', '127.0.0.1:0', '--plaintext']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/round\.json: base fingerprint must be [0-9a-f]{64}, got [0-9a-f]{64}/);
    expect(stderr).toContain('hint: the round reviews was begun by another version of regmean');
  });
});
