/**
 * @file Runs every experiment of this folder, or those named. What `--out` holds is not computed
 *   again. `npm run bench:experiments` runs all; `node dist/test/bench/experiments/all.js --out DIR
 *   names` one.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readExperiment } from '../../../deploy/experiment/experiment-file.ts';
import { runExperiment } from '../../../deploy/experiment/run-experiment.ts';
import { findShippedBase } from '../../../deploy/shipped-base.ts';
import { commandContext } from '../../../shared/cli/command-context.ts';
import { packageFile } from '../../../shared/files/package-file.ts';

const { values, positionals } = parseArgs({
  options: { out: { type: 'string', default: 'bench-output/experiments' } },
  allowPositionals: true,
});
const folder = packageFile('test', 'bench', 'experiments');
const all = (await readdir(folder)).flatMap((file) => (file.endsWith('.yaml') ? [file.slice(0, -5)] : []));
const context = commandContext();
for (const name of positionals.length > 0 ? positionals : all) {
  await runExperiment(
    await readExperiment(join(folder, `${name}.yaml`)),
    {
      shippedBase: findShippedBase('experiments'),
      out: join(values.out, name),
      cache: join(values.out, 'cache'),
    },
    { ...context, note: (message) => context.note(`${name}: ${message}`) },
  );
}
