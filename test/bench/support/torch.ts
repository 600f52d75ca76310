/**
 * @file The other side of the benchmarks: PyTorch in a process of its own, told what to time line
 *   by line.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { packageFile } from '../../../shared/files/package-file.ts';

/** Debian's Python, which python3-torch installs into. */
const python = '/usr/bin/python3';

/** A running script of `test/bench/torch`. */
export interface TorchSide {
  /** @returns the seconds that a piece of work took */
  time(work: string): Promise<number>;
  close(): void;
}

/**
 * Starts a script, which may import the reference models of the fixtures, with settings; null, with
 * a line that says so, where PyTorch is not installed.
 */
export async function startTorch(
  script: string,
  settings: { readonly threads: number } & Readonly<Record<string, unknown>>,
): Promise<TorchSide | null> {
  if (spawnSync(python, ['-c', 'import torch']).status !== 0) {
    process.stdout.write(
      `PyTorch is not there (${python}, python3-torch): only this project's side is measured\n`,
    );
    return null;
  }
  const child = spawn(python, [packageFile('test', 'bench', 'torch', script), JSON.stringify(settings)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: {
      ...process.env,
      OPENBLAS_NUM_THREADS: String(settings.threads),
      OMP_NUM_THREADS: String(settings.threads),
      PYTHONPATH: packageFile('test', 'fixtures', 'torch'),
      PYTHONDONTWRITEBYTECODE: '1',
    },
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const nextLine = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error(`${script}: ended early`);
    return value;
  };
  await nextLine();
  return {
    async time(work) {
      child.stdin.write(`${work}\n`);
      return Number(await nextLine());
    },
    close: () => child.stdin.end(),
  };
}
