import { renderChart } from './render.ts';
import { axisText, gridColor, mutedColor, seriesColor, textColor } from './theme.ts';

/**
 * A value at a place on the x axis; `low` and `high` are the borders of its spread, equal to `y`
 * when there is none.
 */
export interface LinePoint {
  readonly x: number;
  readonly y: number;
  readonly low: number;
  readonly high: number;
}

/** What a line chart shows. */
export interface LineChart {
  readonly label: string;
  readonly xName: string;
  readonly yName: string;
  /** Places on the x axis are evenly spaced whatever their values: knobs are often powers. */
  readonly series: readonly { readonly name: string; readonly points: readonly LinePoint[] }[];
  /** Horizontal lines to compare with. */
  readonly references?: readonly { readonly name: string; readonly y: number }[];
}

/** Lines with markers and error bars, and dashed reference lines; returns an SVG. */
export function lineChart({ label, xName, yName, series, references = [] }: LineChart): string {
  const places = [...new Set(series.flatMap(({ points }) => points.map(({ x }) => x)))].sort((a, b) => a - b);
  const names = [...series.map(({ name }) => name), ...references.map(({ name }) => name)];
  const values = [
    ...series.flatMap(({ points }) => points.flatMap(({ low, high }) => [low, high])),
    ...references.map(({ y }) => y),
  ];
  const [lowest, highest] = [Math.min(...values), Math.max(...values)];
  const margin = Math.max((highest - lowest) * 0.12, 0.1);
  return renderChart(
    { label, width: 640, height: 340 },
    {
      grid: { left: 64, right: 20, top: 20 + 22 * Math.ceil(names.length / 3), bottom: 56 },
      legend: {
        top: 4,
        left: 0,
        data: names,
        textStyle: axisText,
        itemWidth: 22,
        itemGap: 26,
        icon: 'roundRect',
        itemHeight: 4,
      },
      xAxis: {
        type: 'category',
        data: places.map(String),
        name: xName,
        nameLocation: 'middle',
        nameGap: 32,
        nameTextStyle: axisText,
        axisLabel: axisText,
        axisLine: { lineStyle: { color: mutedColor } },
        axisTick: { alignWithLabel: true },
      },
      yAxis: {
        type: 'value',
        min: Math.floor((lowest - margin) * 10) / 10,
        max: Math.ceil((highest + margin) * 10) / 10,
        name: yName,
        nameLocation: 'middle',
        nameGap: 44,
        nameTextStyle: axisText,
        axisLabel: axisText,
        splitLine: { lineStyle: { color: gridColor } },
      },
      series: [
        ...series.flatMap(({ name, points }, index) => {
          const color = seriesColor(index);
          const at = ({ x }: LinePoint): string => String(x);
          return [
            {
              name,
              type: 'line',
              data: points.map((point) => [at(point), point.y]),
              symbol: 'circle',
              symbolSize: 7,
              lineStyle: { width: 2.5, color },
              itemStyle: { color },
            },
            {
              type: 'custom',
              silent: true,
              data: points
                .filter(({ low, high }) => high > low)
                .map((point) => [at(point), point.low, point.high]),
              renderItem: errorBar(color),
              encode: { x: 0, y: [1, 2] },
            },
          ];
        }),
        ...references.map(({ name, y }, index) => ({
          name,
          type: 'line',
          symbol: 'none',
          data: places.map((x) => [String(x), y]),
          lineStyle: { type: [6, 4], width: 1.5, color: index === 0 ? textColor : mutedColor },
          itemStyle: { color: index === 0 ? textColor : mutedColor },
        })),
      ],
    },
  );
}

/** The part of ECharts' drawing interface that an error bar needs. */
interface DrawingApi {
  value(dimension: number): string | number;
  coord(point: readonly (string | number)[]): number[];
}

function errorBar(color: string): (params: unknown, api: DrawingApi) => object {
  return (_, api) => {
    const [x = 0, top = 0] = api.coord([api.value(0), api.value(2)]);
    const [, bottom = 0] = api.coord([api.value(0), api.value(1)]);
    const line = (x1: number, y1: number, x2: number, y2: number): object => ({
      type: 'line',
      shape: { x1, y1, x2, y2 },
      style: { stroke: color, lineWidth: 1.2, opacity: 0.6 },
    });
    return {
      type: 'group',
      children: [line(x, top, x, bottom), line(x - 4, top, x + 4, top), line(x - 4, bottom, x + 4, bottom)],
    };
  };
}
