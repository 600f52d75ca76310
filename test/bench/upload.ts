/**
 * @file Upload over loopback: a bare grpc-js stream of the same bytes against `regmean agent
 *   contribute`, checks and flushes included. Usage: node dist/test/bench/upload.js [MiB]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ChannelCredentials, Server, ServerCredentials } from '@grpc/grpc-js';
import { formatBytes } from '../../shared/text/amounts.ts';
import type { RoundServiceHandlers } from '../../shared/wire/generated/regmean/v1/RoundService.ts';
import { chunkBytes, RoundService } from '../../shared/wire/protocol.ts';
import { writeBase, writeRecipe, writeTinyContribution } from '../support/tiny-round.ts';
import { type RunningCommand, startCommand, startMerger, stopAllCommands } from '../support/wire-process.ts';

const self = fileURLToPath(import.meta.url);

/** Receives chunks and forgets them, in a process of its own. */
async function runBareServer(): Promise<void> {
  const server = new Server();
  const handlers: Pick<RoundServiceHandlers, 'Contribute'> = {
    Contribute(call) {
      call.on('data', () => {});
      call.on('end', () => call.end());
    },
  };
  server.addService(RoundService.service, handlers);
  server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (_error, port) => {
    process.stdout.write(`${port}\n`);
  });
}

async function measureBare(bytes: number): Promise<number> {
  const child = spawn(process.execPath, [self, 'bare-server'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(child.stdout, 'data');
  const client = new RoundService(`127.0.0.1:${Number(String(line))}`, ChannelCredentials.createInsecure(), {
    'grpc.enable_retries': 0,
  });
  const data = Buffer.alloc(chunkBytes, 1);
  const call = client.Contribute();
  call.on('data', () => {});
  const startedAt = performance.now();
  for (let sent = 0; sent < bytes; sent += chunkBytes) {
    if (!call.write({ chunk: { file: 'model.safetensors', offset: sent, data, crc32: 0 } }))
      await once(call, 'drain');
  }
  call.end();
  await once(call, 'end');
  const seconds = (performance.now() - startedAt) / 1000;
  client.close();
  child.kill();
  return seconds;
}

interface Measured {
  readonly bytes: number;
  /** Of the whole command, its start and its hashing included. */
  readonly seconds: number;
  /**
   * Bytes by which the process's largest resident size exceeds that of a process that does nothing.
   */
  readonly agentMemory: number;
  readonly mergerMemory: number;
}

async function measureContribute(dir: string, mebibytes: number): Promise<Measured> {
  const vocabSize = mebibytes * 16_384;
  await writeBase(join(dir, 'base'), { vocabSize });
  await writeTinyContribution(join(dir, 'north'), { agent: 'north', base: join(dir, 'base'), vocabSize });
  await writeRecipe(join(dir, 'round.yaml'), 'base', ['north', 'south']);
  const recipe = join(dir, 'round.yaml');
  const fresh = await startMerger(recipe, join(dir, 'store'));
  await fresh.kill('SIGTERM');
  const merger = await startMerger(recipe, join(dir, 'store'));
  const server = ['--server', merger.address, '--plaintext', '--json'];
  const idleMerger = await peakMemory(merger.pid);
  const [idleAgent] = await peakUntilEnd(startCommand(['agent', 'info', ...server]));
  const startedAt = performance.now();
  const [agentPeak, output] = await peakUntilEnd(
    startCommand(['agent', 'contribute', join(dir, 'north'), ...server]),
  );
  const seconds = (performance.now() - startedAt) / 1000;
  return {
    bytes: JSON.parse(output).bytesTotal,
    seconds,
    agentMemory: agentPeak - idleAgent,
    mergerMemory: (await peakMemory(merger.pid)) - idleMerger,
  };
}

/** The largest resident size that a process had so far, in bytes; Linux only. */
async function peakMemory(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return 1024 * Number(/VmHWM:\s*(\d+)/.exec(status)?.[1] ?? 0);
}

async function peakUntilEnd(command: RunningCommand): Promise<[number, string]> {
  let peak = 0;
  let ended = false;
  void command.result.then(() => {
    ended = true;
  });
  while (!ended) {
    peak = Math.max(peak, await peakMemory(command.pid));
    await sleep(20);
  }
  return [peak, (await command.result).stdout];
}

if (process.argv[2] === 'bare-server') {
  await runBareServer();
} else {
  const mebibytes = Number(process.argv[2] ?? 512);
  const dir = await mkdtemp(join(tmpdir(), 'regmean-upload-'));
  try {
    const measured = await measureContribute(dir, mebibytes);
    const bare = await measureBare(measured.bytes);
    const rate = (seconds: number): string => `${formatBytes(measured.bytes / seconds)}/s`;
    process.stdout.write(
      [
        `upload of ${formatBytes(measured.bytes)} over loopback`,
        `bare grpc-js stream       ${rate(bare)}`,
        `regmean agent contribute  ${rate(measured.seconds)}, ${(bare / measured.seconds).toFixed(2)} of the bare stream`,
        `memory beyond idle        agent ${formatBytes(measured.agentMemory)}, merger ${formatBytes(measured.mergerMemory)}`,
        '',
      ].join('\n'),
    );
  } finally {
    await stopAllCommands();
    await rm(dir, { recursive: true });
  }
}
