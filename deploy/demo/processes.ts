/**
 * @file The processes of the demo: commands of one program, their output line by line, none left
 *   behind.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { RegmeanError } from '../../shared/errors.ts';

const stopGraceMs = 5_000;
const linesInError = 6;

/** A command that has been started. */
export interface StartedCommand {
  /**
   * Standard output, whole, once the command has ended well; rejects when it failed or was stopped.
   */
  readonly done: Promise<string>;
  /**
   * Resolves with the first line, of either output, that `pattern` matches; rejects when the
   * command ends before.
   */
  lineMatching(pattern: RegExp): Promise<RegExpExecArray>;
  /** Asks the command to end and resolves when it has. */
  stop(): Promise<void>;
}

/** Starts commands and remembers them. */
export interface Processes {
  /**
   * @param label says in front of every line which process it is from
   * @param args arguments after the program's own
   */
  start(label: string, args: readonly string[]): StartedCommand;
  /** Stops everything that still runs. */
  stopAll(): Promise<void>;
}

/**
 * Runs `node program args...` for every command; lines of standard error go to `onLine`, with the
 * label.
 *
 * @param program path of a script
 */
export function createProcesses(program: string, onLine: (label: string, line: string) => void): Processes {
  const running = new Set<ChildProcess>();
  const killAll = (): void => {
    for (const child of running) child.kill('SIGKILL');
  };
  process.on('exit', killAll);

  return {
    start(label, args) {
      const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
      running.add(child);
      const output: string[] = [];
      const messages: string[] = [];
      const listeners = new Set<(line: string) => void>();
      const heard = (line: string, kept: string[]): void => {
        kept.push(line);
        for (const listener of listeners) listener(line);
      };
      createInterface({ input: child.stdout }).on('line', (line) => heard(line, output));
      createInterface({ input: child.stderr }).on('line', (line) => {
        heard(line, messages);
        onLine(label, line);
      });
      const done = ended(child).then(({ code, signal }) => {
        running.delete(child);
        if (code === 0) return output.join('\n');
        throw failure(label, args, code ?? signal, messages);
      });
      done.catch(() => undefined);
      return {
        done,
        lineMatching: (pattern) =>
          new Promise((resolve, reject) => {
            const test = (line: string): void => {
              const match = pattern.exec(line);
              if (match !== null) resolve(match);
            };
            for (const line of [...output, ...messages]) test(line);
            listeners.add(test);
            const unmatched = (): void => reject(failure(label, args, 0, messages));
            done.then(unmatched, reject);
          }),
        stop: () => stop(child),
      };
    },
    async stopAll() {
      await Promise.all([...running].map(stop));
      process.off('exit', killAll);
    },
  };
}

function ended(child: ChildProcess): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), stopGraceMs);
  await exited;
  clearTimeout(force);
}

function failure(
  label: string,
  args: readonly string[],
  end: number | string | null,
  messages: readonly string[],
): RegmeanError {
  const how = typeof end === 'number' ? `exit code ${end}` : `signal ${end}`;
  const last = messages.slice(-linesInError).map((line) => `\n  ${line}`);
  return new RegmeanError(
    'invalid-input',
    `${label}: regmean ${args.join(' ')} ended with ${how}${last.join('')}`,
  );
}
