import type { ExperimentResults } from '../results.ts';
import type { Section } from './section.ts';
import { interimNote, provenance, sectionsOf } from './sections.ts';
import { markdownTable } from './table.ts';

/** The report as Markdown: everything but the charts. */
export function markdownReport(results: ExperimentResults): string {
  const interim = interimNote(results);
  const blocks = [
    `# ${results.title}`,
    interim === null ? '' : `**${interim}**`,
    results.description,
    ...markdownSections(sectionsOf(results), '##'),
    '## How it was measured',
    provenance(results)
      .map((line) => `- ${line}`)
      .join('\n'),
  ];
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`;
}

/** Sections as blocks of Markdown under headings of a level. */
export function markdownSections(sections: readonly Section[], heading: string): readonly string[] {
  return sections.flatMap(({ title, sentences, tables }) => [
    `${heading} ${title}`,
    sentences.join('\n'),
    ...tables.map(markdownTable),
  ]);
}
