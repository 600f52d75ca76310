import { htmlPage } from '../../../shared/charts/page.ts';
import { escapeText } from '../../../shared/charts/render.ts';
import type { ExperimentResults } from '../results.ts';
import { interimNote, provenance, sectionsOf } from './sections.ts';
import { htmlTable } from './table.ts';

/** The report as one page that needs nothing else: tables and charts. */
export function htmlReport(results: ExperimentResults): string {
  const paragraph = (text: string): string => `<p>${escapeText(text)}</p>`;
  const sections = sectionsOf(results).map(({ title, sentences, tables, charts }) =>
    [
      '<section>',
      `<h2>${escapeText(title)}</h2>`,
      ...sentences.map(paragraph),
      ...tables.map(htmlTable),
      ...(charts.length === 0
        ? []
        : [
            '<div class="charts">',
            ...charts.map(
              ({ caption, svg }) => `<figure>${svg}<figcaption>${escapeText(caption)}</figcaption></figure>`,
            ),
            '</div>',
          ]),
      '</section>',
    ].join('\n'),
  );
  const interim = interimNote(results);
  return htmlPage(results.title, [
    ...(interim === null ? [] : [`<p class="lead"><strong>${escapeText(interim)}</strong></p>`]),
    ...(results.description === '' ? [] : [`<p class="lead">${escapeText(results.description)}</p>`]),
    ...sections,
    '<section>',
    '<h2>How it was measured</h2>',
    '<ul>',
    ...provenance(results).map((line) => `<li>${escapeText(line)}</li>`),
    '</ul>',
    '</section>',
  ]);
}
