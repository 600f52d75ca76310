import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mergeContributions } from '../../../merger/merge/merge-contributions.ts';
import {
  type BaseIdentity,
  baseIdentity,
  identified,
  otherVersionHint,
} from '../../../shared/contribution/base-identity.ts';
import { readManifest } from '../../../shared/contribution/manifest.ts';
import { formerBase } from '../../support/former-base.ts';
import { quietContext } from '../../support/run-context.ts';
import { writeBase, writeTinyContribution } from '../../support/tiny-round.ts';

let root: string;
let base: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'regmean-identity-'));
  base = join(root, 'base');
  await writeBase(base);
});
afterAll(() => rm(root, { recursive: true, force: true }));

let count = 0;
async function contribution(agent: string, claimedBase?: BaseIdentity): Promise<string> {
  const folder = join(root, `${agent}-${count++}`);
  await writeTinyContribution(folder, { agent, base, ...(claimedBase === undefined ? {} : { claimedBase }) });
  return folder;
}

const merge = (folders: readonly string[], more: object = {}) =>
  mergeContributions(folders, { method: 'regmean', out: join(root, 'fused'), ...more }, quietContext);

describe('the base that contributions name', () => {
  it('is told with what its fingerprint is a digest of', async () => {
    const folder = await contribution('north');
    expect(await readManifest(folder)).toMatchObject(await baseIdentity(base));
    expect((await baseIdentity(base)).baseFingerprintFormat).toBe('regmean-base/2');
  });

  it('must be one; where another version named it, the refusal says so and what to do', async () => {
    const former = await formerBase(base);
    const folders = [await contribution('north'), await contribution('south', former)];
    const own = (await baseIdentity(base)).baseFingerprint;
    await expect(merge(folders)).rejects.toMatchObject({
      code: 'invalid-input',
      message: `base fingerprint: must be the same, north has ${own}, south has ${former.baseFingerprint}`,
      hint:
        'south was made by another version of regmean, which identifies bases in another way ' +
        '(regmean-base/1, here regmean-base/2): make it anew with this version, by regmean stats --base BASE',
    });
  });

  it('may be another version’s in all of them, also beside the base itself', async () => {
    const former = await formerBase(base);
    const folders = [await contribution('north', former), await contribution('south', former)];
    const report = await merge(folders, { base, exclude: ['embeddings'] });
    expect(report.baseFingerprint).toBe(former.baseFingerprint);
  });

  it('is another base, where this version named both', async () => {
    const folders = [await contribution('north'), await contribution('south', identified('ab'.repeat(32)))];
    await expect(merge(folders)).rejects.toMatchObject({
      message: expect.stringContaining(`south has ${'ab'.repeat(32)}`),
      hint: undefined,
    });
    expect(otherVersionHint('it', identified('ab'.repeat(32)))).toBeNull();
  });
});
