import { heatMap } from '../../shared/charts/heat-map.ts';
import { htmlPage } from '../../shared/charts/page.ts';
import { escapeText } from '../../shared/charts/render.ts';
import type { MatchReport } from './match-report.ts';

/** A page with the corner of every layer's matrix as a heat map. */
export function matchingPage({ left, right, by, layers }: MatchReport): string {
  const what = by === 'weights' ? 'distances between incoming weights' : 'similarities of activations';
  return htmlPage(`${left} and ${right}: ${what}`, [
    '<p class="lead">Rows are neurons of the first model, columns of the second. A dark or light diagonal says that neurons kept their places.</p>',
    ...layers.map(({ layer, dimension, fixedShare, corner }) =>
      [
        '<section>',
        `<h2>${escapeText(layer)}</h2>`,
        `<p>${dimension} neurons, ${(100 * fixedShare).toFixed(1)} % left in place; the first ${corner.length} are shown.</p>`,
        `<figure>${heatMap({ label: `${layer} by ${by}`, values: corner })}</figure>`,
        '</section>',
      ].join('\n'),
    ),
  ]);
}
