import { rm } from 'node:fs/promises';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { positiveInteger } from '../../../shared/cli/arguments.ts';
import { runProgram } from '../../../shared/cli/run-program.ts';
import { RegmeanError } from '../../../shared/errors.ts';

let stdout: string;
let stderr: string;
beforeEach(() => {
  stdout = '';
  stderr = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    stdout += text;
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    stderr += text;
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

/** Runs `tool work ...args`, whose action is `work`; returns the exit code. */
async function run(args: readonly string[], work: () => void | Promise<void> = () => {}): Promise<unknown> {
  const program = new Command('tool').version('1.2.3');
  program
    .command('work')
    .requiredOption('--model <dir>', 'a model')
    .option('--epochs <n>', 'epochs', positiveInteger)
    .option('--json')
    .action(work);
  await runProgram(program, ['node', 'tool', ...args]);
  const code = process.exitCode ?? 0;
  process.exitCode = undefined;
  return code;
}

const good = ['work', '--model', 'm'];

describe('runProgram', () => {
  it('ends with 0 after work that succeeds, and says nothing of its own', async () => {
    expect(await run(good)).toBe(0);
    expect({ stdout, stderr }).toEqual({ stdout: '', stderr: '' });
  });

  it.each([['--help'], ['--version'], ['help']])('ends with 0 after %s', async (...args) => {
    expect(await run(args)).toBe(0);
    expect(stdout).not.toBe('');
    expect(stderr).toBe('');
  });

  it.each([
    ['an unknown command', ['wrok'], "error: unknown command 'wrok'\n(Did you mean work?)"],
    [
      'an unknown option',
      [...good, '--epoch', '3'],
      "error: unknown option '--epoch'\n(Did you mean --epochs?)",
    ],
    ['a missing option', ['work'], "error: required option '--model <dir>' not specified"],
    [
      'a value that is none',
      [...good, '--epochs', '0'],
      "error: option '--epochs <n>' argument '0' is invalid. must be a whole number from 1",
    ],
    [
      'a surplus argument',
      [...good, 'x'],
      "error: too many arguments for 'work'. Expected 0 arguments but got 1.",
    ],
  ])('ends with 2 after %s, and says how to get help', async (_, args, message) => {
    expect(await run(args)).toBe(2);
    expect(stderr).toBe(`${message}\n(--help shows the options)\n`);
    expect(stdout).toBe('');
  });

  it.each([
    ['usage', 2],
    ['not-found', 1],
    ['invalid-input', 1],
    ['refused', 1],
    ['numerical', 1],
    ['unsupported', 1],
    ['network', 1],
    ['interrupted', 130],
  ] as const)('ends an error "%s" with %d, in a line and a hint', async (code, exitCode) => {
    const fail = (): never => {
      throw new RegmeanError(code, 'a.jsonl, row 3: must be an object', { hint: 'mend the row' });
    };
    expect(await run(good, fail)).toBe(exitCode);
    expect(stderr).toBe('error: a.jsonl, row 3: must be an object\nhint: mend the row\n');
    expect(stdout).toBe('');
  });

  it('says errors as JSON on standard output too when that was asked for', async () => {
    const fail = (): never => {
      throw new RegmeanError('not-found', 'm: no such folder');
    };
    expect(await run([...good, '--json'], fail)).toBe(1);
    expect(JSON.parse(stdout)).toEqual({ error: { code: 'not-found', message: 'm: no such folder' } });
    expect(stderr).toBe('error: m: no such folder\n');
  });

  it('shows what the operating system refuses in a line, without a stack', async () => {
    expect(await run(good, () => rm('/nowhere/at/all'))).toBe(1);
    expect(stderr).toMatch(/^error: ENOENT: no such file or directory, \w+ '\/nowhere\/at\/all'\n$/);
  });

  it('shows a defect with its stack', async () => {
    const fail = (): never => {
      throw new TypeError('x is undefined');
    };
    expect(await run(good, fail)).toBe(1);
    expect(stderr).toContain(
      'this is a defect of regmean, please report it:\nTypeError: x is undefined\n    at ',
    );
  });
});
