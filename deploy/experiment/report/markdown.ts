import type { ExperimentResults } from '../results.ts';
import { provenance, sectionsOf } from './sections.ts';
import { markdownTable } from './table.ts';

/** The report as Markdown: everything but the charts. */
export function markdownReport(results: ExperimentResults): string {
  const blocks = [
    `# ${results.title}`,
    results.description,
    ...sectionsOf(results).flatMap(({ title, sentences, tables }) => [
      `## ${title}`,
      sentences.join('\n'),
      ...tables.map(markdownTable),
    ]),
    '## How it was measured',
    provenance(results)
      .map((line) => `- ${line}`)
      .join('\n'),
  ];
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`;
}
