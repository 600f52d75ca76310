/**
 * @file Writes the results page of this folder, README.md, from what experiments have measured.
 * `node dist/test/bench/experiments/results-page.js --out bench-output/experiments`
 */
import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { markdownSections } from '../../../deploy/experiment/report/markdown.ts';
import { provenance, sectionsOf } from '../../../deploy/experiment/report/sections.ts';
import { type ExperimentResults, resultsFile } from '../../../deploy/experiment/results.ts';
import { packageFile } from '../../../shared/files/package-file.ts';

const order = [
  ...['names', 'names-in-depth', 'sentiment', 'part-of-speech', 'contents', 'contents-different-heads'],
  ...['genre-halves', 'tasks', 'tasks-frozen-embeddings'],
];
const { values } = parseArgs({
  options: { out: { type: 'string', default: 'bench-output/experiments' } },
});
const folder = packageFile('test', 'bench', 'experiments');
const rank = (name: string): number => (order.includes(name) ? order.indexOf(name) : order.length);
const names = (await readdir(folder))
  .flatMap((file) => (file.endsWith('.yaml') ? [file.slice(0, -5)] : []))
  .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
const pathOf = (name: string): string => join(values.out, name, resultsFile);
const measured = names.filter((name) => existsSync(pathOf(name)));
const others = names.filter((name) => !measured.includes(name));
const parts: string[] = [];
for (const name of measured) {
  parts.push(describe(JSON.parse(await readFile(pathOf(name), 'utf8')) as ExperimentResults));
}
const path = join(folder, 'README.md');
await writeFile(path, page(parts, others));
process.stdout.write(`${path}: ${measured.join(', ')}\n`);

function describe(results: ExperimentResults): string {
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

function page(experiments: readonly string[], unmeasured: readonly string[]): string {
  const rest =
    unmeasured.length === 0
      ? ''
      : `\n\n## Not measured yet\n\n${unmeasured.map((name) => `- [${name}](${name}.yaml)`).join('\n')}`;
  return `# Experiments and their results

Made from the files in this folder (\`npm run bench:experiments\`), with the 5-million-parameter base model that comes with
regmean: small models on small data, to compare ways to merge with one another, not with the state of the art. Numbers are
means over seeds with their standard deviation. The HTML reports that the command writes have the charts too.

${experiments.join('\n\n')}${rest}
`;
}
