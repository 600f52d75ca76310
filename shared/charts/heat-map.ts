import { renderChart } from './render.ts';
import { axisText, fontFamily } from './theme.ts';

/** What a heat map shows. Rows are drawn from the top down. */
export interface HeatMap {
  readonly label: string;
  /** Null leaves a cell empty. */
  readonly values: readonly (readonly (number | null)[])[];
  /** Names of rows and columns; a matrix of neurons has none. */
  readonly rows?: readonly string[];
  readonly columns?: readonly string[];
  /** Whether the middle of the colours is zero, for differences. */
  readonly diverging?: boolean;
  /** Digits after the point in cells; none are written when absent. */
  readonly digits?: number;
  /** Whether small values have the strong colours, for ranks. */
  readonly lowIsGood?: boolean;
}

const sequentialColors = ['#f4f7fb', '#b9d2ea', '#6aa5d3', '#2171b5', '#08306b'];
const divergingColors = ['#b35806', '#f1a340', '#f7f7f7', '#67a9cf', '#0b5394'];

/** A matrix as coloured cells with a colour scale; returns an SVG. */
export function heatMap({
  label,
  values,
  rows,
  columns,
  diverging = false,
  digits,
  lowIsGood = false,
}: HeatMap): string {
  const colors = diverging ? divergingColors : sequentialColors;
  const [height, width] = [values.length, values[0]?.length ?? 0];
  const known = values.flat().filter((value) => value !== null);
  const largest = Math.max(...known.map(Math.abs), Number.EPSILON);
  const [min, max] = diverging ? [-largest, largest] : [Math.min(...known), Math.max(...known)];
  const named = rows !== undefined && columns !== undefined;
  const cell = named ? 44 : Math.max(4, Math.floor(360 / Math.max(width, 1)));
  const left = named ? 16 + 7.2 * Math.max(...rows.map((name) => name.length)) : 36;
  const top = named ? 16 + 5.2 * Math.max(...columns.map((name) => name.length)) : 28;
  const frame = {
    label,
    width: Math.ceil(left + (named ? 58 : cell) * width + 90),
    height: Math.ceil(top + (named ? 34 : cell) * height + 16),
  };
  const axis = {
    type: 'category',
    axisLine: { show: false },
    axisTick: { show: false },
    splitArea: { show: false },
  };
  return renderChart(frame, {
    grid: { left, top, width: (named ? 58 : cell) * width, height: (named ? 34 : cell) * height },
    xAxis: {
      ...axis,
      position: 'top',
      data: columns ?? Array.from({ length: width }, (_, index) => String(index + 1)),
      axisLabel: named
        ? { ...axisText, interval: 0, rotate: 35 }
        : { ...axisText, interval: Math.max(0, Math.ceil(width / 6) - 1) },
    },
    yAxis: {
      ...axis,
      inverse: true,
      data: rows ?? Array.from({ length: height }, (_, index) => String(index + 1)),
      axisLabel: named
        ? { ...axisText, interval: 0 }
        : { ...axisText, interval: Math.max(0, Math.ceil(height / 6) - 1) },
    },
    visualMap: {
      min,
      max: max > min ? max : min + 1,
      calculable: false,
      orient: 'vertical',
      right: 8,
      top: 'middle',
      itemHeight: Math.min(140, frame.height - top - 40),
      itemWidth: 12,
      precision: digits ?? 2,
      text: [max.toFixed(digits ?? 2), min.toFixed(digits ?? 2)],
      textStyle: { ...axisText, fontSize: 11 },
      inRange: { color: lowIsGood ? colors.toReversed() : colors },
    },
    series: [
      {
        type: 'heatmap',
        data: values.flatMap((row, y) =>
          row.flatMap((value, x) =>
            value === null ? [] : [cellOf(x, y, value, { min, max, digits, diverging, lowIsGood })],
          ),
        ),
        itemStyle: named ? { borderColor: '#ffffff', borderWidth: 2 } : {},
        label: { show: digits !== undefined, fontFamily, fontSize: 12 },
      },
    ],
  });
}

/** A cell whose number stands out from its colour. */
function cellOf(
  x: number,
  y: number,
  value: number,
  scale: {
    readonly min: number;
    readonly max: number;
    readonly digits: number | undefined;
    readonly diverging: boolean;
    readonly lowIsGood: boolean;
  },
): object {
  const { min, max, digits, diverging, lowIsGood } = scale;
  const place = max > min ? (value - min) / (max - min) : 0;
  const share = lowIsGood ? 1 - place : place;
  const dark = diverging ? share < 0.12 || share > 0.88 : share > 0.55;
  return {
    value: [x, y, value],
    label: { formatter: value.toFixed(digits ?? 0), color: dark ? '#ffffff' : '#1f2933' },
  };
}
