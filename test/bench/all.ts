/** @file Runs every benchmark of this folder, one after another. Usage: npm run bench */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const self = fileURLToPath(import.meta.url);
const folder = join(self, '..');
const benchmarks = readdirSync(folder).filter((name) => name.endsWith('.js') && name !== basename(self));
for (const benchmark of benchmarks.toSorted()) {
  process.stdout.write(`\n== ${basename(benchmark, '.js')}\n`);
  const { status } = spawnSync(process.execPath, [join(folder, benchmark)], { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
