/**
 * @file Writes the results pages of this folder and of `pretrained`, README.md in each, from what
 *   experiments have measured. `node dist/test/bench/experiments/results-page.js --out
 *   bench-output/experiments`
 */
import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { markdownSections } from '../../../deploy/experiment/report/markdown.ts';
import { interimNote, provenance, sectionsOf } from '../../../deploy/experiment/report/sections.ts';
import { suitesSection } from '../../../deploy/experiment/report/suites.ts';
import { type ExperimentResults, resultsFile } from '../../../deploy/experiment/results.ts';
import { packageFile } from '../../../shared/files/package-file.ts';
import { besideThePaper } from './paper.ts';

/** A folder of experiment files and its page. */
interface Page {
  readonly folder: readonly string[];
  /** Those that come first on it; the others follow by name. */
  readonly order: readonly string[];
  readonly opening: string;
  /** Whether the methods are compared over all experiments, with a picture. */
  readonly compared: boolean;
}

const pages: readonly Page[] = [
  {
    folder: [],
    order: [
      ...['names', 'names-in-depth', 'sentiment', 'part-of-speech', 'contents', 'contents-different-heads'],
      ...['genre-halves', 'tasks', 'tasks-frozen-embeddings'],
    ],
    opening: `# Experiments and their results

Made from the files in this folder (\`npm run bench:experiments\`), with the 5-million-parameter base model that comes with
regmean: small models on small data, to compare ways to merge with one another, not with the state of the art. A real
pretrained base and real corpora are in [pretrained](pretrained/README.md). Numbers are means over seeds with their standard
deviation. The HTML reports that the command writes have the charts too.`,
    compared: false,
  },
  {
    folder: ['pretrained'],
    order: ['names-over-corpora', 'emotions-over-corpora', 'reviews', 'tasks', 'halves'],
    opening: `# Which merge is best: a pretrained base and real corpora

Agents fine-tune all-MiniLM-L6-v2 (BERT, 6 layers x 384, 22.7 million parameters), each on a corpus of its own; their models
are merged by every method. Word, position and type embeddings stay as they are. Numbers are means over seeds with their
standard deviation, in percent. [How to run this](DATA.md).`,
    compared: true,
  },
];

const { values } = parseArgs({
  options: { out: { type: 'string', default: 'bench-output/experiments' } },
});
for (const page of pages) await writePage(page);

async function writePage({ folder, order, opening, compared }: Page): Promise<void> {
  const own = packageFile('test', 'bench', 'experiments', ...folder);
  const rank = (name: string): number => (order.includes(name) ? order.indexOf(name) : order.length);
  const names = (await readdir(own))
    .flatMap((file) => (file.endsWith('.yaml') ? [file.slice(0, -5)] : []))
    .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
  const pathOf = (name: string): string => join(values.out, ...folder, name, resultsFile);
  const measured = names.filter((name) => existsSync(pathOf(name)));
  if (measured.length === 0) return;
  const results: ExperimentResults[] = [];
  for (const name of measured) {
    results.push(JSON.parse(await readFile(pathOf(name), 'utf8')) as ExperimentResults);
  }
  const parts = [
    opening,
    ...(compared ? await comparison(results, own) : []),
    ...results.map((result) => describe(result, [...folder, `${result.name}.yaml`].join('/'))),
    ...unmeasured(names.filter((name) => !measured.includes(name))),
  ];
  const path = join(own, 'README.md');
  await writeFile(path, `${parts.join('\n\n')}\n`);
  process.stdout.write(`${path}: ${measured.join(', ')}\n`);
}

/** The methods over all experiments, the picture written beside the page. */
async function comparison(results: readonly ExperimentResults[], folder: string): Promise<string[]> {
  const section = suitesSection(results, 'RegMean');
  const [picture] = section.charts;
  const blocks = markdownSections([section], '##');
  if (picture === undefined) return [...blocks];
  await writeFile(join(folder, 'ranks.svg'), picture.svg);
  const [title, ...rest] = blocks;
  return [title ?? '', `![${picture.caption}](ranks.svg)`, `*${picture.caption}.*`, ...rest];
}

function describe(results: ExperimentResults, file: string): string {
  const sections = sectionsOf(results).filter(({ title }) => title !== 'Single models');
  const interim = interimNote(results);
  const paper = besideThePaper(results);
  const beside = {
    title: 'Beside the paper',
    sentences: [
      'Other models, more data and longer training there: what can be compared is how far the rows are from each other.',
    ],
    charts: [],
  };
  return [
    `## ${results.title}`,
    ...(interim === null ? [] : [`**${interim}**`]),
    results.description,
    `\`npx regmean experiment test/bench/experiments/${file}\``,
    ...markdownSections([...sections, ...(paper === null ? [] : [{ ...beside, tables: [paper] }])], '###'),
    '<details><summary>How it was measured</summary>',
    provenance(results)
      .map((line) => `- ${line}`)
      .join('\n'),
    '</details>',
  ].join('\n\n');
}

function unmeasured(names: readonly string[]): readonly string[] {
  if (names.length === 0) return [];
  return ['## Not measured yet', names.map((name) => `- [${name}](${name}.yaml)`).join('\n')];
}
