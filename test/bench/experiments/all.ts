/**
 * @file Runs every experiment of this folder and writes its results page, README.md. What `--out` holds is not computed
 * again. `npm run bench:experiments -- --out bench-output/experiments [name ...]`.
 */
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readExperiment } from '../../../deploy/experiment/experiment-file.ts';
import { markdownSections } from '../../../deploy/experiment/report/markdown.ts';
import { provenance, sectionsOf } from '../../../deploy/experiment/report/sections.ts';
import { type ExperimentResults, resultsFile } from '../../../deploy/experiment/results.ts';
import { runExperiment } from '../../../deploy/experiment/run-experiment.ts';
import { findShippedBase } from '../../../deploy/shipped-base.ts';
import { interruptSignal } from '../../../shared/cli/interrupt.ts';
import { packageFile } from '../../../shared/files/package-file.ts';

const order = [
  ...[
    'names',
    'names-in-depth',
    'sentiment',
    'part-of-speech',
    'contents',
    'contents-different-heads',
    'genre-halves',
  ],
  ...['tasks', 'tasks-frozen-embeddings'],
];
const { values, positionals } = parseArgs({
  options: { out: { type: 'string', default: 'bench-output/experiments' } },
  allowPositionals: true,
});
const folder = packageFile('test', 'bench', 'experiments');
const names = (await readdir(folder)).flatMap((file) => (file.endsWith('.yaml') ? [file.slice(0, -5)] : []));
const rank = (name: string): number => (order.includes(name) ? order.indexOf(name) : order.length);
const wanted =
  positionals.length > 0 ? positionals : names.sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
const signal = interruptSignal();
const pages: string[] = [];
for (const name of wanted) {
  const results = await runExperiment(await readExperiment(join(folder, `${name}.yaml`)), {
    ...{ shippedBase: findShippedBase('experiments'), out: join(values.out, name), signal },
    cache: join(values.out, 'cache'),
    say: (message) => process.stderr.write(`${name}: ${message}\n`),
  });
  pages.push(pageOf(results));
}
if (positionals.length === 0) await writeFile(join(folder, 'README.md'), page(pages));
process.stdout.write(`${page(pages)}\nmachine-readable: ${values.out}/NAME/${resultsFile}\n`);

function pageOf(results: ExperimentResults): string {
  const sections = sectionsOf(results).filter(({ title }) => title !== 'Single models');
  return [
    `## ${results.title}`,
    results.description,
    `\`npx regmean experiment test/bench/experiments/${results.name}.yaml\``,
    ...markdownSections(sections, '###'),
    '<details><summary>How it was measured</summary>',
    provenance(results)
      .map((line) => `- ${line}`)
      .join('\n'),
    '</details>',
  ].join('\n\n');
}

function page(experiments: readonly string[]): string {
  return `# Experiments and their results

Made by \`npm run bench:experiments\` from the files in this folder, with the 5-million-parameter base model that comes with
regmean: small models on small data, to compare ways to merge with one another, not with the state of the art. Every number is
a mean over the seeds with its standard deviation. The HTML reports that the command writes have the charts too.

${experiments.join('\n\n')}
`;
}
