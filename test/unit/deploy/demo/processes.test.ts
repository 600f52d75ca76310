import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { createProcesses, type Processes } from '../../../../deploy/demo/processes.ts';

const directory = mkdtempSync(join(tmpdir(), 'regmean-processes-'));
const program = join(directory, 'program.mjs');
writeFileSync(
  program,
  `const [what] = process.argv.slice(2);
   process.stderr.write('began ' + what + '\\n');
   if (what === 'speak') process.stdout.write('one\\ntwo\\n');
   if (what === 'fail') { process.stderr.write('no such file\\n'); process.exitCode = 1; }
   if (what === 'wait') setInterval(() => {}, 1000);
   if (what === 'ignore') process.on('SIGTERM', () => process.stderr.write('asked to end\\n') && process.exit(0));
   if (what === 'ignore') { setInterval(() => {}, 1000); process.stderr.write('listening on port 71\\n'); }`,
);

let heard: string[] = [];
let processes: Processes = createProcesses(program, (label, line) => heard.push(`${label}: ${line}`));

afterEach(async () => {
  await processes.stopAll();
  heard = [];
  processes = createProcesses(program, (label, line) => heard.push(`${label}: ${line}`));
});
afterAll(() => rmSync(directory, { recursive: true }));

describe('createProcesses', () => {
  it('gives standard output as the result and passes messages on with their label', async () => {
    await expect(processes.start('news', ['speak']).done).resolves.toBe('one\ntwo');
    expect(heard).toEqual(['news: began speak']);
  });

  it('fails with the command, the exit code and its last words', async () => {
    await expect(processes.start('news', ['fail', '--fast']).done).rejects.toThrow(
      'news: regmean fail --fast ended with exit code 1\n  began fail\n  no such file',
    );
  });

  it('waits for a line, said before or after', async () => {
    const started = processes.start('merger', ['ignore']);
    expect((await started.lineMatching(/port (\d+)/))[1]).toBe('71');
    expect((await started.lineMatching(/port (\d+)/))[1]).toBe('71');
    await started.stop();
    expect(heard.at(-1)).toBe('merger: asked to end');
  });

  it('does not wait for a line of a command that has ended', async () => {
    await expect(processes.start('news', ['speak']).lineMatching(/port/)).rejects.toThrow(
      'ended with exit code 0',
    );
    await expect(processes.start('news', ['fail']).lineMatching(/port/)).rejects.toThrow(
      'ended with exit code 1',
    );
  });

  it('stops everything that still runs', async () => {
    const commands = ['wait', 'ignore'].map((what) => processes.start(what, [what]));
    await Promise.all(commands.map((command) => command.lineMatching(/began/)));
    await processes.stopAll();
    await expect(commands[0]?.done).rejects.toThrow('ended with signal SIGTERM');
  });
});
