import { describe, expect, it } from 'vitest';
import { barChart } from '../../../shared/charts/bar-chart.ts';
import { boxPlot, fiveNumbers } from '../../../shared/charts/box-plot.ts';
import { heatMap } from '../../../shared/charts/heat-map.ts';
import { lineChart } from '../../../shared/charts/line-chart.ts';

const line = () =>
  lineChart({
    ...{ label: 'Alpha & more', xName: 'alpha', yName: 'score' },
    series: [
      { name: 'RegMean', points: [0, 0.5, 1].map((x) => ({ x, y: 50 + x, low: 49 + x, high: 51 + x })) },
    ],
    references: [{ name: 'Simple', y: 49 }],
  });
const bars = () =>
  barChart({
    ...{ label: 'Models', title: 'All models', xName: 'score', series: ['seen', 'unseen'] },
    rows: [
      { name: 'one', values: [40, 30] },
      { name: 'fused', values: [60, 50], highlighted: true },
    ],
  });
const box = () =>
  boxPlot({ label: 'Drops', yName: 'change', boxes: [{ name: 'Simple', values: [-3, -1, -2, -8] }] });
const heat = () =>
  heatMap({
    label: 'Models',
    values: [
      [1, null],
      [3, 4],
    ],
    rows: ['a', 'b'],
    columns: ['c', 'd'],
    digits: 1,
  });

describe.each([
  ['a line chart', line],
  ['a bar chart', bars],
  ['a box plot', box],
  ['a heat map', heat],
])('%s', (_, draw) => {
  it('is an SVG with a name for those who cannot see it', () => {
    expect(draw()).toMatch(/^<svg role="img" aria-label="[^"]+" /);
    expect(draw()).toMatch(/<\/svg>$/);
  });

  it('is the same text for the same data', () => {
    expect(draw()).toBe(draw());
  });

  it('is well-formed by itself, so that it can be a file of its own', () => {
    const tag = /<\/?[\w:]+(\s+[\w:-]+="[^"<]*")*\s*\/?>/g;
    expect(draw().replace(tag, '')).not.toMatch(/[<>]/);
    expect(draw()).toContain('xmlns="http://www.w3.org/2000/svg"');
  });

  it('has no value that is not a number', () => {
    expect(draw()).not.toMatch(/NaN|undefined|Infinity/);
  });
});

it('charts of other names share no identifiers, so that they can stand on one page', () => {
  const ids = (svg: string): Set<string> =>
    new Set([...svg.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id as string));
  expect([...ids(line())].filter((id) => ids(box()).has(id))).toEqual([]);
});

it('a line chart shows names of series, references and axes', () => {
  for (const text of ['RegMean', 'Simple', 'alpha', 'score', 'Alpha &amp; more'])
    expect(line()).toContain(text);
});

it('a heat map writes known cells and leaves unknown ones empty', () => {
  expect(heat()).toContain('>1.0<');
  expect(heat()).toContain('>4.0<');
  expect(heatMap({ label: 'One', values: [[2, 2]] })).toContain('<svg');
});

it('five numbers are the ends and the quartiles between', () => {
  expect(fiveNumbers([4, 1, 3, 2, 5])).toEqual([1, 2, 3, 4, 5]);
  expect(fiveNumbers([1, 2])).toEqual([1, 1.25, 1.5, 1.75, 2]);
});
