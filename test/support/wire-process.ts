/** @file Starts the networked commands as real processes and reads what they say. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** The built program; worker threads need JavaScript, so tests of processes run what was built. */
const built = import.meta.url.endsWith('.ts') ? '../../dist/' : '../../';
/** The program that tests of processes start. */
export const builtProgram = fileURLToPath(new URL(`${built}deploy/bin/regmean.js`, import.meta.url));

/** How a process ended. */
export interface ProcessResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running command. */
export interface RunningCommand {
  readonly pid: number | undefined;
  /** Resolves when a line of its output matches; rejects when the process ends first. */
  waitFor(pattern: RegExp): Promise<RegExpMatchArray>;
  /** Sends a signal and waits for the end. */
  kill(signal: NodeJS.Signals): Promise<ProcessResult>;
  readonly result: Promise<ProcessResult>;
}

const running = new Set<ChildProcess>();

/** Starts `regmean ...args`. */
export function startCommand(args: readonly string[]): RunningCommand {
  const child = spawn(process.execPath, [builtProgram, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  let stdout = '';
  let stderr = '';
  const watchers = new Set<() => void>();
  const changed = (): void => {
    for (const watcher of [...watchers]) watcher();
  };
  child.stdout.on('data', (data: Buffer) => {
    stdout += data.toString();
    changed();
  });
  child.stderr.on('data', (data: Buffer) => {
    stderr += data.toString();
    changed();
  });
  const result = once(child, 'close').then(([code]) => {
    running.delete(child);
    changed();
    return { code: code as number | null, stdout, stderr };
  });
  return {
    pid: child.pid,
    result,
    waitFor: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const match = `${stdout}\n${stderr}`.match(pattern);
          if (match !== null) {
            watchers.delete(look);
            resolve(match);
          } else if (!running.has(child)) {
            watchers.delete(look);
            reject(new Error(`the process ended before ${pattern}: ${stdout}${stderr}`));
          }
        };
        watchers.add(look);
        look();
      }),
    kill(signal) {
      child.kill(signal);
      return result;
    },
  };
}

/** Runs `regmean ...args` to its end. */
export function runCommand(args: readonly string[]): Promise<ProcessResult> {
  return startCommand(args).result;
}

/** A merger that is listening. */
export interface RunningMerger extends RunningCommand {
  /** `127.0.0.1:port` */
  readonly address: string;
}

/** Starts a merger on a free port, or on that of `listen`, and waits until it listens. */
export async function startMerger(
  recipe: string,
  store: string,
  more: readonly string[] = ['--plaintext'],
  listen = '127.0.0.1:0',
): Promise<RunningMerger> {
  const command = startCommand([
    'merger',
    'serve',
    '--recipe',
    recipe,
    '--store',
    store,
    '--listen',
    listen,
    ...more,
  ]);
  const [, port] = await command.waitFor(/ listening address=\S+:(\d+)/);
  return { ...command, address: `127.0.0.1:${port}` };
}

/** Ends every process that a test left behind. */
export async function stopAllCommands(): Promise<void> {
  const ends = [...running].map(async (child) => {
    child.kill('SIGKILL');
    await once(child, 'close');
  });
  await Promise.all(ends);
}
