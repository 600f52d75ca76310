/** @file Every single model on every test set. */
import { heatMap } from '../../../shared/charts/heat-map.ts';
import type { ExperimentResults } from '../results.ts';
import type { Section } from './section.ts';
import { formatSpread, mean, ofSetting, spreadOf } from './statistics.ts';

/** The model-by-domain matrix; null when single models were not scored. */
export function modelsSection(results: ExperimentResults): Section | null {
  const singles = ofSetting(results.measurements, 'single');
  if (singles.length === 0) return null;
  const names = results.testSets.map(({ name }) => name);
  const values = (agent: string, testSet: string): number[] =>
    singles.filter(({ agents }) => agents[0] === agent).map(({ scores }) => scores[testSet] ?? Number.NaN);
  return {
    title: 'Single models',
    sentences: ['Every agent’s own model on every test set that it can be scored on.'],
    tables: [
      {
        caption: 'Single models, in percent',
        columns: ['model', ...names],
        rows: results.agents.map((agent) => ({
          name: agent,
          cells: names.map((name) => ({ text: formatSpread(spreadOf(values(agent, name))) })),
        })),
      },
    ],
    charts: [
      {
        caption: 'Rows are models, columns test sets; means over seeds, in percent',
        svg: heatMap({
          label: 'Single models by test set',
          rows: results.agents,
          columns: names,
          values: results.agents.map((agent) =>
            names.map((name) => {
              const score = mean(values(agent, name));
              return Number.isNaN(score) ? null : 100 * score;
            }),
          ),
          digits: 1,
        }),
      },
    ],
  };
}
