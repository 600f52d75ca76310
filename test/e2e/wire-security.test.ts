import { mkdir, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { type CertifiedKey, makeCertificates } from '../../deploy/demo/certificates.ts';
import { writeRecipe } from '../support/tiny-round.ts';
import { runJson, useWireFixture } from '../support/wire-fixture.ts';
import { runCommand, startMerger } from '../support/wire-process.ts';

const fixture = useWireFixture();

/** Writes an authority's certificate and those that it issued into the folder `name`. */
async function writeCertificates(name: string): Promise<(file: string) => string> {
  const { authority, merger, agents } = makeCertificates(['north', 'south', 'stranger']);
  const path = (file: string) => fixture.path(name, file);
  await mkdir(fixture.path(name));
  await writeFile(path('ca.pem'), authority);
  const write = async (owner: string, { certificate, privateKey }: CertifiedKey) => {
    await writeFile(path(`${owner}.pem`), certificate);
    await writeFile(path(`${owner}.key`), privateKey);
  };
  await write('merger', merger);
  for (const [agent, pair] of agents) await write(agent, pair);
  return path;
}

async function startSecureMerger(mutual: boolean, more: readonly string[] = []) {
  const ours = await writeCertificates('ours');
  await writeRecipe(fixture.path('round.yaml'), 'base', ['north', 'south'], more);
  const tls = ['--tls-cert', ours('merger.pem'), '--tls-key', ours('merger.key')];
  const clientCa = mutual ? ['--client-ca', ours('ca.pem')] : [];
  const merger = await startMerger(fixture.path('round.yaml'), fixture.path('store'), [...tls, ...clientCa]);
  return { merger, ours };
}

describe('the merger', () => {
  it('does not start without a certificate unless plaintext is asked for by name', async () => {
    await writeRecipe(fixture.path('round.yaml'), 'base', ['north']);
    const serve = [
      'merger',
      'serve',
      '--recipe',
      fixture.path('round.yaml'),
      '--store',
      fixture.path('store'),
    ];
    const result = await runCommand(serve);
    expect(result.code).toBe(2);
    expect(result.stderr).toContain('pass --tls-cert FILE and --tls-key FILE');
    expect(result.stderr).toContain('--plaintext');
  });

  it('says in one line that its port is in use', async () => {
    await writeRecipe(fixture.path('round.yaml'), 'base', ['north']);
    const store = fixture.path('store');
    const merger = await startMerger(fixture.path('round.yaml'), store);
    const other = fixture.path('other-store');
    const serve = [
      'merger',
      'serve',
      '--recipe',
      fixture.path('round.yaml'),
      '--store',
      other,
      '--plaintext',
    ];
    const result = await runCommand([...serve, '--listen', merger.address]);
    expect(result.code).toBe(2);
    expect(result.stderr).toContain(`error: --listen ${merger.address}: the port is in use`);
  });
});

describe('over TLS', () => {
  it('an agent that trusts the authority talks to the merger', async () => {
    const { merger, ours } = await startSecureMerger(false);
    const info = await runJson(['agent', 'info', '--server', merger.address, '--ca', ours('ca.pem')]);
    expect(info).toMatchObject({ name: 'reviews', state: 'open' });
  });

  it('an agent does not connect without an authority unless plaintext is asked for by name', async () => {
    const { merger } = await startSecureMerger(false);
    const result = await runCommand(['agent', 'info', '--server', merger.address]);
    expect(result.code).toBe(2);
    expect(result.stderr).toContain('pass --ca FILE');
  });

  it('an agent refuses a merger whose certificate another authority signed', async () => {
    const { merger } = await startSecureMerger(false);
    const theirs = await writeCertificates('theirs');
    const result = await runCommand(['agent', 'info', '--server', merger.address, '--ca', theirs('ca.pem')]);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain("pass the authority that signed the merger's certificate with --ca");
  });

  it('a plaintext agent gets no answer, and a hint', async () => {
    const { merger } = await startSecureMerger(false);
    const args = ['agent', 'info', '--server', merger.address, '--plaintext', '--stall-timeout', '2'];
    const result = await runCommand(args);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('if the merger uses TLS pass --ca');
  });
});

describe('over mutual TLS', () => {
  it('an agent contributes under the name in its certificate', async () => {
    const { merger, ours } = await startSecureMerger(true);
    const identity = ['--ca', ours('ca.pem'), '--cert', ours('north.pem'), '--key', ours('north.key')];
    const contribution = await fixture.contribution('north');
    const result = await runJson([
      'agent',
      'contribute',
      contribution,
      '--server',
      merger.address,
      ...identity,
    ]);
    expect(result).toMatchObject({ alreadyStored: false });
  });

  it('an agent may not contribute under the name of another', async () => {
    const { merger, ours } = await startSecureMerger(true);
    const identity = ['--ca', ours('ca.pem'), '--cert', ours('stranger.pem'), '--key', ours('stranger.key')];
    const contribution = await fixture.contribution('north');
    const result = await runCommand([
      'agent',
      'contribute',
      contribution,
      '--server',
      merger.address,
      ...identity,
    ]);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('north: the client certificate speaks for stranger');
  });

  it('an agent gets the model with its own head, and no other agent’s', async () => {
    const { merger, ours } = await startSecureMerger(true, ['merge: { method: simple, heads: separate }']);
    const as = (agent: string) => [
      ...['--server', merger.address, '--ca', ours('ca.pem')],
      ...['--cert', ours(`${agent}.pem`), '--key', ours(`${agent}.key`)],
    ];
    for (const agent of ['north', 'south']) {
      await runJson(['agent', 'contribute', await fixture.contribution(agent), ...as(agent)]);
    }
    const fetch = (name: string) => [
      'agent',
      'fetch',
      '--wait',
      '--name',
      name,
      '--out',
      fixture.path('own'),
    ];
    const refused = await runCommand([...fetch('south'), ...as('north')]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('south: the client certificate speaks for north');
    await runJson([...fetch('north'), ...as('north')]);
  });

  it('an agent may not score under the name of another', async () => {
    const { merger, ours } = await startSecureMerger(true, ['merge: { method: auto }']);
    const as = (agent: string) => [
      ...['--server', merger.address, '--ca', ours('ca.pem')],
      ...['--cert', ours(`${agent}.pem`), '--key', ours(`${agent}.key`)],
    ];
    for (const agent of ['north', 'south']) {
      await runJson(['agent', 'contribute', await fixture.contribution(agent), ...as(agent)]);
    }
    const score = ['agent', 'score', '--name', 'south', '--work', fixture.path('work')];
    const refused = await runCommand([...score, ...as('north')]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('south: the client certificate speaks for north');
    await runJson([...score, ...as('south')]);
  });

  it('a certificate of another authority is refused', async () => {
    const { merger, ours } = await startSecureMerger(true);
    const theirs = await writeCertificates('theirs');
    const identity = ['--ca', ours('ca.pem'), '--cert', theirs('north.pem'), '--key', theirs('north.key')];
    const result = await runCommand([
      'agent',
      'info',
      '--server',
      merger.address,
      ...identity,
      '--stall-timeout',
      '2',
    ]);
    expect(result.code).toBe(1);
    expect(result.stdout).toBe('');
  });

  it('an agent without a certificate is refused', async () => {
    const { merger, ours } = await startSecureMerger(true);
    const args = [
      'agent',
      'info',
      '--server',
      merger.address,
      '--ca',
      ours('ca.pem'),
      '--stall-timeout',
      '2',
    ];
    const result = await runCommand(args);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('--cert and --key');
  });
});
