/** @file The demo in one picture: the fused model beside every other way to serve all domains. */
import { barChart } from '../../shared/charts/bar-chart.ts';
import type { DemoPlan } from './plan.ts';
import { type Results, summariesOf } from './results.ts';

/**
 * Bars for every agent's own model, the average of all, and what serves all domains at once: the
 * average over the agents' domains, and over unseen ones where there are any; an SVG.
 *
 * @param fused label of the model that the round gave back
 */
export function demoPicture(results: Results, { measure }: Pick<DemoPlan, 'measure'>, fused: string): string {
  const { singles, combined } = summariesOf(results);
  const unseen = results.outOfDomain.length > 0;
  const values = ({ average, unseen: elsewhere }: (typeof singles)[number]): number[] =>
    [average, ...(elsewhere === null ? [] : [elsewhere])].map((score) => 100 * score);
  const ownOf = combined.find(({ label }) => label === fused);
  const best = [...singles, ...combined.filter((row) => row !== ownOf)].sort(
    (a, b) => b.average - a.average,
  )[0];
  const comparison =
    ownOf === undefined || best === undefined
      ? ''
      : `: ${(100 * ownOf.average).toFixed(1)}; the best of the others: ${(100 * best.average).toFixed(1)}`;
  return barChart({
    label: `${measure} of the fused model and of all others`,
    title: `Fused in one round, by the merge that its agents chose${comparison}`,
    xName: `${measure} in percent`,
    series: [
      `average over the ${results.domains.length} agents’ domains`,
      ...(unseen ? [`average over ${results.outOfDomain.length} unseen domains`] : []),
    ],
    rows: [
      ...singles.map((row) => ({ name: `trained on ${row.label} only`, values: values(row) })),
      ...combined
        .toSorted((a, b) => Number(a === ownOf) - Number(b === ownOf))
        .map((row) => ({
          name: row.label,
          values: values(row),
          highlighted: row === ownOf,
        })),
    ],
  });
}
