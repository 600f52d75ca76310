import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { identified } from '../../shared/contribution/base-identity.ts';
import { connectToMerger } from '../../shared/wire/connection.ts';
import type { UploadManifest } from '../../shared/wire/generated/regmean/v1/UploadManifest.ts';
import { fromStatus, isServiceError } from '../../shared/wire/status.ts';
import { type ContributionShape, writeRecipe, writeTinyContribution } from '../support/tiny-round.ts';
import { runJson, useWireFixture } from '../support/wire-fixture.ts';
import { type RunningMerger, runCommand, startMerger } from '../support/wire-process.ts';

const fixture = useWireFixture();

async function startRound(): Promise<RunningMerger> {
  await writeRecipe(fixture.path('round.yaml'), 'base', ['north', 'south']);
  return startMerger(fixture.path('round.yaml'), fixture.path('store'));
}

const plain = (merger: RunningMerger) => ['--server', merger.address, '--plaintext'];

/** Runs `attempt` and asserts that the round is afterwards as it was before. */
async function expectUnchangedBy<T>(merger: RunningMerger, attempt: () => Promise<T>): Promise<T> {
  const before = await runJson(['agent', 'info', ...plain(merger)]);
  const outcome = await attempt();
  expect(await runJson(['agent', 'info', ...plain(merger)])).toEqual(before);
  expect(await readdir(fixture.path('store', 'rounds', 'reviews', 'incoming'))).toEqual([]);
  expect(await readdir(fixture.path('store', 'rounds', 'reviews', 'contributions'))).toEqual([]);
  return outcome;
}

function withNaN(name: string): NonNullable<ContributionShape['change']> {
  return (weights) => {
    const tensor = weights.get(name);
    if (tensor !== undefined) tensor.data[3] = Number.NaN;
  };
}

const query = 'bert.encoder.layer.0.attention.self.query.weight';

describe('a contribution that breaks a rule', () => {
  const cases: { name: string; shape: Partial<ContributionShape>; message: RegExp }[] = [
    {
      name: 'another base model',
      shape: { claimedBase: identified('ab'.repeat(32)) },
      message: /contribution\.json of north: base fingerprint must be [0-9a-f]{64}, got (ab){32}/,
    },
    {
      name: 'a tensor of another shape',
      shape: { vocabSize: 51 },
      message: /tensor bert\.embeddings\.word_embeddings\.weight must have shape \[50, 16\], got \[51, 16\]/,
    },
    {
      name: 'a missing tensor',
      shape: { change: (weights) => weights.delete(query.replace('weight', 'bias')) },
      message: /tensor bert\.encoder\.layer\.0\.attention\.self\.query\.bias is missing/,
    },
    {
      name: 'a value that is not a number',
      shape: { change: withNaN(query) },
      message:
        /tensor bert\.encoder\.layer\.0\.attention\.self\.query\.weight must be finite, value 3 .* is NaN/,
    },
  ];
  for (const { name, shape, message } of cases) {
    it(`is refused by name and leaves the round as it was: ${name}`, async () => {
      const merger = await startRound();
      const folder = await fixture.contribution('north', shape);
      const result = await expectUnchangedBy(merger, () =>
        runCommand(['agent', 'contribute', folder, ...plain(merger)]),
      );
      expect(result.code).toBe(1);
      expect(result.stderr).toMatch(message);
    });
  }

  it('is refused when its agent is not expected', async () => {
    const merger = await startRound();
    const folder = await fixture.contribution('west');
    const result = await expectUnchangedBy(merger, () =>
      runCommand(['agent', 'contribute', folder, ...plain(merger)]),
    );
    expect(result.stderr).toContain("west: must be one of the round's agents (north, south)");
  });

  it('is refused when the agent has another one stored, and replaces it when asked to', async () => {
    const merger = await startRound();
    const first = await runJson([
      'agent',
      'contribute',
      await fixture.contribution('north'),
      ...plain(merger),
    ]);
    const other = fixture.path('other');
    await writeTinyContribution(other, { agent: 'north', base: fixture.path('base'), seed: 9 });
    const again = ['agent', 'contribute', other, ...plain(merger)];
    const refused = await runCommand(again);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(
      'another contribution of this agent is stored already\nhint: pass --replace',
    );
    const replaced = await runJson([...again, '--replace']);
    expect(replaced).toMatchObject({ alreadyStored: false });
    expect(replaced.digest).not.toBe(first.digest);
  });
});

describe('an agent that does not follow the protocol', () => {
  /** Uploads the folder of `north`, with the manifest and each chunk changed on the way. */
  async function uploadChanged(
    merger: RunningMerger,
    change: {
      readonly manifest?: (manifest: UploadManifest) => UploadManifest;
      readonly data?: (file: string, data: Buffer) => Buffer;
      readonly crc32?: (checksum: number) => number;
    },
  ): Promise<unknown> {
    const folder = await fixture.contribution('north');
    const names = (await readdir(folder)).sort();
    const contents = await Promise.all(names.map((name) => readFile(`${folder}/${name}`)));
    const manifest: UploadManifest = {
      agent: 'north',
      files: names.map((name, i) => {
        const content = contents[i] ?? Buffer.alloc(0);
        return { name, size: content.length, sha256: createHash('sha256').update(content).digest('hex') };
      }),
      contributionJson: await readFile(`${folder}/contribution.json`, 'utf8'),
      replace: false,
    };
    const connection = await connectToMerger({ server: merger.address, plaintext: true });
    try {
      const call = connection.client.Contribute();
      call.write({ manifest: change.manifest?.(manifest) ?? manifest });
      for (const [i, name] of names.entries()) {
        const content = contents[i] ?? Buffer.alloc(0);
        const data = change.data?.(name, content) ?? content;
        const checksum = change.crc32?.(crc32(data)) ?? crc32(data);
        call.write({ chunk: { file: name, offset: 0, data, crc32: checksum } });
      }
      call.write({ commit: {} });
      call.end();
      for await (const _answer of call);
      return undefined;
    } catch (error) {
      return isServiceError(error) ? fromStatus(error, merger.address) : error;
    } finally {
      connection.close();
    }
  }

  it('is refused when a file has other bytes than its SHA-256 says', async () => {
    const merger = await startRound();
    const error = await expectUnchangedBy(merger, () =>
      uploadChanged(merger, {
        data: (file, data) => {
          if (file !== 'vocab.txt') return data;
          return Buffer.from(data.toString().replace('UNK', 'XXX'));
        },
      }),
    );
    expect(error).toMatchObject({ code: 'refused' });
    expect(String(error)).toMatch(
      /contribution of north: vocab\.txt: SHA-256 must be [0-9a-f]{64}, is [0-9a-f]{64}/,
    );
  });

  it('is stopped when a chunk was damaged on the way', async () => {
    const merger = await startRound();
    const error = await uploadChanged(merger, { crc32: (checksum) => (checksum ^ 1) >>> 0 });
    expect(error).toMatchObject({ code: 'network' });
    expect(String(error)).toMatch(
      /upload of north: config\.json at byte 0: the chunk's CRC-32 does not match/,
    );
    const { agents } = await runJson(['agent', 'info', ...plain(merger)]);
    expect(agents).toMatchObject([{ bytesReceived: 0 }, { bytesReceived: 0 }]);
  });

  it('cannot write outside of its folder', async () => {
    const merger = await startRound();
    const escaping = (manifest: UploadManifest): UploadManifest => ({
      ...manifest,
      files: (manifest.files ?? []).map((file) =>
        file.name === 'vocab.txt' ? { ...file, name: '../vocab.txt' } : file,
      ),
    });
    const error = await expectUnchangedBy(merger, () => uploadChanged(merger, { manifest: escaping }));
    expect(String(error)).toContain('manifest: ../vocab.txt: must be the name of a model or statistics file');
  });

  it('cannot fill the disk beyond what the base model allows', async () => {
    const merger = await startRound();
    const huge = (manifest: UploadManifest): UploadManifest => ({
      ...manifest,
      files: (manifest.files ?? []).map((file) =>
        file.name === 'model.safetensors' ? { ...file, size: 2 ** 40 } : file,
      ),
    });
    const error = await expectUnchangedBy(merger, () => uploadChanged(merger, { manifest: huge }));
    expect(String(error)).toMatch(
      /model\.safetensors: must have at most \d+ bytes for this base model, got 1099511627776/,
    );
  });
});

describe('a base whose family is not known', () => {
  it('is refused when the merger starts, before any agent has worked', async () => {
    const path = fixture.path('base', 'config.json');
    const config = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify({ ...config, model_type: 'custom' }));
    await writeRecipe(fixture.path('round.yaml'), 'base', ['north', 'south']);
    const serving = ['merger', 'serve', '--recipe', fixture.path('round.yaml'), '--plaintext'];
    const where = ['--store', fixture.path('store'), '--listen', '127.0.0.1:0'];
    const { code, stderr } = await runCommand([...serving, ...where]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/model_type must be one of bert, .*, got custom/);
  });
});
