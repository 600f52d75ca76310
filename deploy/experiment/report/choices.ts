/** @file What rows that choose their method chose. */
import type { ExperimentResults, Measurement } from '../results.ts';
import type { Section } from './section.ts';

const titles: Readonly<Partial<Record<Measurement['setting'], string>>> = {
  ...{ all: 'all agents', pairs: 'pairs', agents: 'the first agents', greedy: 'greedy', matching: 'matched' },
};

/** The section on automatic choices; null where no row chose. */
export function choicesSection({ measurements }: ExperimentResults): Section | null {
  const made = measurements.filter(({ chosen }) => chosen !== undefined);
  if (made.length === 0) return null;
  const settings = [...new Set(made.map(({ setting }) => setting))];
  const labels = [...new Set(made.map(({ method }) => method))];
  return {
    title: 'What was chosen',
    sentences: [
      'Rows that choose their method do so by the scores of their candidates on the validation data of the agents ' +
        'that are merged, for every merge anew. Test sets take no part in it.',
    ],
    tables: labels.map((label) => {
      const own = made.filter(({ method }) => method === label);
      return {
        caption: `Merges for which ${label} chose a method`,
        columns: ['chosen', ...settings.map((setting) => titles[setting] ?? setting)],
        rows: [...new Set(own.map(({ chosen = '' }) => chosen))].map((name) => ({
          name,
          cells: settings.map((setting) => {
            const all = own.filter((it) => it.setting === setting);
            return { text: `${all.filter(({ chosen }) => chosen === name).length} of ${all.length}` };
          }),
        })),
      };
    }),
    charts: [],
  };
}
