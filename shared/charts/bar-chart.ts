import { renderChart } from './render.ts';
import { axisText, gridColor, mutedColor, seriesColor, textColor } from './theme.ts';

/** What a bar chart shows. Rows are drawn from the top down. */
export interface BarChart {
  readonly label: string;
  /** Said above the bars. */
  readonly title: string;
  readonly xName: string;
  /** One or more bars in every row. */
  readonly series: readonly string[];
  readonly rows: readonly {
    readonly name: string;
    /** In the order of the series. */
    readonly values: readonly number[];
    /** Whether it is what the chart is about: its bars are in full colour, the others pale. */
    readonly highlighted?: boolean;
  }[];
}

const barHeight = 14;
const rowGap = 12;

/** Horizontal bars with their values written behind them; returns an SVG. */
export function barChart({ label, title, xName, series, rows }: BarChart): string {
  const left = 24 + 7 * Math.max(...rows.map(({ name }) => name.length));
  const height = rows.length * (series.length * barHeight + rowGap);
  return renderChart(
    { label, width: left + 560, height: height + 130 },
    {
      title: { text: title, left: 12, top: 10, textStyle: { ...axisText, fontSize: 14, fontWeight: 600 } },
      legend: { top: 38, left: 12, itemWidth: 14, itemGap: 32, textStyle: axisText, selectedMode: false },
      grid: { left, right: 60, top: 72, height },
      xAxis: {
        type: 'value',
        name: xName,
        nameLocation: 'middle',
        nameGap: 28,
        nameTextStyle: axisText,
        axisLabel: axisText,
        splitLine: { lineStyle: { color: gridColor } },
      },
      yAxis: {
        type: 'category',
        inverse: true,
        data: rows.map(({ name, highlighted }) => ({
          value: name,
          ...(highlighted === true ? { textStyle: { fontWeight: 700 } } : {}),
        })),
        axisLabel: { ...axisText, interval: 0 },
        axisLine: { lineStyle: { color: mutedColor } },
        axisTick: { show: false },
      },
      series: series.map((name, index) => ({
        name,
        type: 'bar',
        barWidth: barHeight,
        barGap: '0%',
        itemStyle: { color: seriesColor(index) },
        label: {
          show: true,
          position: 'right',
          formatter: ({ value }: { value: number }) => value.toFixed(1),
        },
        data: rows.map(({ values, highlighted }) => ({
          value: values[index] ?? 0,
          itemStyle: { color: `${seriesColor(index)}${highlighted === true ? '' : '66'}` },
          label: { color: textColor, fontWeight: highlighted === true ? 700 : 400 },
        })),
      })),
    },
  );
}
