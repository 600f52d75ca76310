/** @file Permutations of neurons between two models (paper, Appendix D). */
import { heatMap } from '../../../shared/charts/heat-map.ts';
import type { ExperimentResults } from '../results.ts';
import type { Section } from './section.ts';
import { formatSpread, macroAverage, ofSetting, spreadOf } from './statistics.ts';

const ways = ['none', 'weights', 'activations'] as const;

/** The section on matching; null when nothing was matched. */
export function matchingSection(results: ExperimentResults): Section | null {
  const merges = ofSetting(results.measurements, 'matching');
  if (merges.length === 0) return null;
  const [left, right] = merges[0]?.agents ?? [];
  const layers = results.matchedLayers;
  const first = layers.filter(({ seed }) => seed === results.seeds[0]);
  const score = (method: string, way: (typeof ways)[number]): string => {
    const own = merges.filter((merge) => merge.method === method && merge.matching === way);
    const names = results.testSets
      .filter(({ owner }) => owner !== null && (owner === left || owner === right))
      .map(({ name }) => name);
    return formatSpread(spreadOf(own.map(({ scores }) => macroAverage(scores, names))));
  };
  return {
    title: 'Matching neurons',
    sentences: [
      `The neurons of ${right} matched to those of ${left} before merging the two: by the weights that enter a ` +
        'neuron (optimal transport, which with equal masses is an assignment), or by their activations on the same texts.',
    ],
    tables: [
      {
        caption: `${left} and ${right} merged, average over their two domains in percent`,
        columns: ['method', 'without matching', 'by weights', 'by activations'],
        rows: results.methods.map((method) => ({
          name: method,
          cells: ways.map((way) => ({ text: score(method, way) })),
        })),
      },
      {
        caption: 'What matching finds; distances between weights, similarities between activations',
        columns: ['layer', 'by', 'neurons', 'left in place, %', 'mean on the diagonal', 'mean off it'],
        rows: first.map((layer) => ({
          name: layer.layer,
          cells: [
            { text: layer.by },
            { text: `${layer.dimension}` },
            {
              text: formatSpread(
                spreadOf(
                  layers
                    .filter((own) => own.layer === layer.layer && own.by === layer.by)
                    .map(({ fixedShare }) => fixedShare),
                ),
              ),
            },
            { text: layer.meanDiagonal.toPrecision(3) },
            { text: layer.meanOffDiagonal.toPrecision(3) },
          ],
        })),
      },
    ],
    charts: first.map((layer) => ({
      caption: `${layer.layer}, by ${layer.by}: the first ${layer.corner.length} neurons of ${layer.agents.join(' and ')}`,
      svg: heatMap({ label: `Matching ${layer.layer} by ${layer.by}`, values: layer.corner }),
    })),
  };
}
