/**
 * @file Scores against a knob: agents merged, alpha, the additive constant, batches of the Grams;
 *   greedy merging.
 */
import { numberOptions } from '../../../merger/methods/merge-keys.ts';
import { inWords, type OptionMeta, type Sweep } from '../../../merger/methods/option.ts';
import { type LinePoint, lineChart } from '../../../shared/charts/line-chart.ts';
import type { ExperimentResults, Measurement, Setting } from '../results.ts';
import { simpleOf, summaryRows, testSetNames } from './all-table.ts';
import type { Section } from './section.ts';
import { formatSpread, macroAverage, mean, ofSetting, spreadOf } from './statistics.ts';

type Group = 'in-domain' | 'out-of-domain';

/** How a sweep is shown. */
interface Knob extends Sweep {
  readonly setting: Setting;
}

const knobs: readonly Knob[] = [
  ...numberOptions.map(({ key, meta }) => ({ setting: key, ...(meta.sweep ?? sweepOf(key, meta)) })),
  {
    setting: 'batches',
    title: 'Batches for the Grams',
    axis: 'batches that the Grams are computed from',
    note: 'All agents merged with Grams from less data (paper, Appendix C).',
  },
];

/** How a sweep of an option is shown that does not say so itself. */
function sweepOf(key: string, { label = inWords(key), help }: OptionMeta): Sweep {
  const title = `${label[0]?.toUpperCase()}${label.slice(1)}`;
  return { title, axis: `${label}: ${help}`, note: `All agents merged with several values of ${label}.` };
}

/** One section per knob that was varied. */
export function sweepSections(results: ExperimentResults): readonly Section[] {
  return knobs.flatMap(({ setting, title, axis, note }) => {
    const points = ofSetting(results.measurements, setting);
    if (points.length === 0) return [];
    const groups = groupsOf(results);
    const values = [...new Set(points.map(({ knob }) => knob ?? 0))].sort((a, b) => a - b);
    const at = (value: number): readonly Measurement[] => points.filter(({ knob }) => knob === value);
    return [
      {
        title,
        sentences: [note],
        tables: [
          {
            caption: `${points[0]?.method} with all agents, averages in percent`,
            columns: [setting, ...groups],
            rows: values.map((value) => ({
              name: String(value),
              cells: groups.map((group) => ({
                text: formatSpread(spreadOf(averages(results, at(value), group))),
              })),
            })),
          },
        ],
        charts: groups.map((group) => ({
          caption: `${group} average; bars are one standard deviation over seeds`,
          svg: lineChart({
            label: `${title}, ${group}`,
            xName: axis,
            yName: `${group} average, %`,
            series: [
              {
                name: points[0]?.method ?? '',
                points: values.map((value) => pointOf(value, averages(results, at(value), group))),
              },
            ],
            references: simpleReference(results, group),
          }),
        })),
      },
    ];
  });
}

/** Merges of the first agents; null when not measured. */
export function agentsSection(results: ExperimentResults): Section | null {
  const points = ofSetting(results.measurements, 'agents');
  if (points.length === 0) return null;
  const groups = groupsOf(results);
  const counts = [...new Set(points.map(({ agents }) => agents.length))].sort((a, b) => a - b);
  const own = (method: string, count: number): readonly Measurement[] =>
    points.filter((point) => point.method === method && point.agents.length === count);
  return {
    title: 'Number of agents',
    sentences: [
      'The first two, three, ... agents of an order drawn for each seed, merged and scored on all domains, those of agents that are not in it too.',
    ],
    tables: groups.map((group) => ({
      caption: `${group} average in percent, by the number of agents merged`,
      columns: ['method', ...counts.map(String)],
      rows: results.methods.map((method) => ({
        name: method,
        cells: counts.map((count) => ({
          text: formatSpread(spreadOf(averages(results, own(method, count), group))),
        })),
      })),
    })),
    charts: groups.map((group) => ({
      caption: `${group} average; bars are one standard deviation over seeds`,
      svg: lineChart({
        label: `Number of agents, ${group}`,
        xName: 'agents merged',
        yName: `${group} average, %`,
        series: results.methods.map((method) => ({
          name: method,
          points: counts.map((count) => pointOf(count, averages(results, own(method, count), group))),
        })),
      }),
    })),
  };
}

/** Greedy merging; null when not measured. */
export function greedySection(results: ExperimentResults): Section | null {
  const steps = ofSetting(results.measurements, 'greedy');
  if (steps.length === 0) return null;
  const groups = groupsOf(results);
  const tried = [...new Set(steps.map(({ knob }) => knob ?? 0))].sort((a, b) => a - b);
  const own = (method: string, count: number): readonly Measurement[] =>
    steps.filter((step) => step.method === method && step.knob === count);
  const last = tried.at(-1) ?? 0;
  return {
    title: 'Greedy merging',
    sentences: [
      'Agents join one by one, the best on validation data first; one that does not raise the validation score of the merge is left out (paper, Section 5.2). One agent tried is the best single model.',
    ],
    tables: [
      {
        caption: 'The models that are left in the end, in percent',
        columns: ['method', ...groups, 'agents kept, by seed'],
        rows: results.methods.map((method) => ({
          name: method,
          cells: [
            ...groups.map((group) => ({
              text: formatSpread(spreadOf(averages(results, own(method, last), group))),
            })),
            {
              text: own(method, last)
                .map(({ agents }) => agents.join(' + '))
                .join('; '),
            },
          ],
        })),
      },
    ],
    charts: groups.map((group) => ({
      caption: `${group} average of the model kept so far`,
      svg: lineChart({
        label: `Greedy merging, ${group}`,
        xName: 'agents tried',
        yName: `${group} average, %`,
        series: results.methods.map((method) => ({
          name: method,
          points: tried.map((count) => pointOf(count, averages(results, own(method, count), group))),
        })),
        references: [
          {
            name: 'best single model',
            y: 100 * mean(averages(results, own(results.methods[0] ?? '', 1), group)),
          },
        ],
      }),
    })),
  };
}

function groupsOf(results: ExperimentResults): readonly Group[] {
  return testSetNames(results, 'out-of-domain').length > 0 ? ['in-domain', 'out-of-domain'] : ['in-domain'];
}

function averages(
  results: ExperimentResults,
  measurements: readonly Measurement[],
  group: Group,
): readonly number[] {
  const names = testSetNames(results, group);
  return measurements.map(({ scores }) => macroAverage(scores, names));
}

function pointOf(x: number, values: readonly number[]): LinePoint {
  const { mean: center, deviation } = spreadOf(values);
  return { x, y: 100 * center, low: 100 * (center - deviation), high: 100 * (center + deviation) };
}

function simpleReference(results: ExperimentResults, group: Group): { name: string; y: number }[] {
  const simple = simpleOf(summaryRows(results));
  const y = mean((group === 'in-domain' ? simple?.inDomain : simple?.outOfDomain) ?? []);
  return Number.isNaN(y) ? [] : [{ name: 'Simple', y: 100 * y }];
}
