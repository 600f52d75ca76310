/**
 * @file Merges of two: how much of what each model can do on its own domain is kept (paper, Figure
 *   3).
 */
import { boxPlot } from '../../../shared/charts/box-plot.ts';
import { heatMap } from '../../../shared/charts/heat-map.ts';
import type { ExperimentResults, Measurement } from '../results.ts';
import { testSetNames } from './all-table.ts';
import type { Section } from './section.ts';
import { formatGain, formatPercent, macroAverage, mean, ofSetting, spreadOf } from './statistics.ts';

/** The section on pairs; null when none were merged. */
export function pairsSection(results: ExperimentResults): Section | null {
  const pairs = ofSetting(results.measurements, 'pairs');
  if (pairs.length === 0) return null;
  const methods = [...results.methods, 'ensemble'].filter((name) =>
    pairs.some(({ method }) => method === name),
  );
  const outOfDomain = testSetNames(results, 'out-of-domain');
  const rows = methods.map((method) => {
    const own = pairs.filter((pair) => pair.method === method);
    const drops = own.flatMap((pair) => relativeChange(results, pair) ?? []);
    const gains = own.flatMap((pair) => gainOf(results, pairs, pair) ?? []);
    return { method, own, drops, gains };
  });
  const simple = results.methods.find((name) => /^simple\b/i.test(name));
  const count = rows[0]?.own.length ?? 0;
  const shown = [...results.methods].reverse().find((name) => name !== simple && methods.includes(name));
  return {
    title: 'Pairs',
    sentences: [
      `Every two agents merged (${count} pairs over all seeds), scored on their own two domains.` +
        (outOfDomain.length > 0 ? ' Out of domain: the sets that nobody was trained on.' : ''),
    ],
    tables: [
      {
        caption: 'Means over pairs and seeds, in percent',
        columns: [
          'method',
          'own domains',
          ...(outOfDomain.length > 0 ? ['out-of-domain'] : []),
          ...(rows.some(({ drops }) => drops.length > 0) ? ['change against own models'] : []),
          ...(simple === undefined ? [] : ['above Simple', 'pairs above Simple']),
        ],
        rows: rows.map(({ method, own, drops, gains }) => ({
          name: method,
          cells: [
            { text: formatPercent(mean(own.map((pair) => ownDomains(results, pair)))) },
            ...(outOfDomain.length > 0
              ? [{ text: formatPercent(mean(own.map(({ scores }) => macroAverage(scores, outOfDomain)))) }]
              : []),
            ...(rows.some((row) => row.drops.length > 0)
              ? [{ text: drops.length === 0 ? '' : formatGain({ ...spreadOf(drops), count: 1 }) }]
              : []),
            ...(simple === undefined
              ? []
              : [
                  { text: method === simple ? '' : formatGain(spreadOf(gains)) },
                  {
                    text:
                      method === simple
                        ? ''
                        : `${gains.filter((gain) => gain > 0).length} of ${gains.length}`,
                  },
                ]),
          ],
        })),
      },
    ],
    charts: [
      ...(rows.every(({ drops }) => drops.length === 0)
        ? []
        : [
            {
              caption:
                'Relative change of a pair’s average on its two domains against each domain’s own model; a dot is a pair',
              svg: boxPlot({
                label: 'Relative change of merged pairs against own models',
                yName: 'relative change, %',
                boxes: rows.map(({ method, drops }) => ({
                  name: method,
                  values: drops.map((drop) => 100 * drop),
                })),
              }),
            },
          ]),
      ...(simple === undefined || shown === undefined || results.agents.length < 3
        ? []
        : [
            {
              caption: `How far ${shown} is above ${simple} for each pair, in points`,
              svg: heatMap({
                label: `Gain of ${shown} over ${simple} by pair`,
                rows: results.agents,
                columns: results.agents,
                values: results.agents.map((a) =>
                  results.agents.map((b) => gainOfPair(results, pairs, shown, a, b)),
                ),
                digits: 1,
                diverging: true,
              }),
            },
          ]),
    ],
  };
}

/**
 * A pair's average over the test sets of its two agents, or the joint ones where domains have none.
 */
function ownDomains({ testSets }: ExperimentResults, { agents, scores }: Measurement): number {
  const owned = testSets.filter(({ owner }) => owner !== null && agents.includes(owner));
  const sets = owned.length > 0 ? owned : testSets.filter(({ group }) => group === 'in-domain');
  return macroAverage(
    scores,
    sets.map(({ name }) => name),
  );
}

/** (merged - own) / own, averaged over the two domains; nothing without models of their own. */
function relativeChange(results: ExperimentResults, pair: Measurement): number | null {
  const changes = results.testSets.flatMap(({ name, owner }) => {
    if (owner === null || !pair.agents.includes(owner)) return [];
    const own = results.measurements.find(
      ({ setting, seed, agents }) => setting === 'single' && seed === pair.seed && agents[0] === owner,
    )?.scores[name];
    const merged = pair.scores[name];
    return own === undefined || merged === undefined || own === 0 ? [] : [(merged - own) / own];
  });
  return changes.length === 0 ? null : mean(changes);
}

function gainOf(results: ExperimentResults, pairs: readonly Measurement[], pair: Measurement): number | null {
  const simple = pairs.find(
    ({ method, seed, agents }) =>
      /^simple\b/i.test(method) && seed === pair.seed && agents.join('\n') === pair.agents.join('\n'),
  );
  return simple === undefined ? null : ownDomains(results, pair) - ownDomains(results, simple);
}

function gainOfPair(
  results: ExperimentResults,
  pairs: readonly Measurement[],
  method: string,
  a: string,
  b: string,
): number | null {
  const gains = pairs
    .filter((pair) => pair.method === method && a !== b && [a, b].every((name) => pair.agents.includes(name)))
    .flatMap((pair) => gainOf(results, pairs, pair) ?? []);
  return gains.length === 0 ? null : 100 * mean(gains);
}
