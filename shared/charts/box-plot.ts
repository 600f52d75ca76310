import { renderChart } from './render.ts';
import { axisText, gridColor, mutedColor, seriesColor } from './theme.ts';

/** What a box plot shows. */
export interface BoxPlot {
  readonly label: string;
  readonly yName: string;
  readonly boxes: readonly { readonly name: string; readonly values: readonly number[] }[];
}

/**
 * Boxes from the first to the third quartile with the median, whiskers to the ends, every value as
 * a dot; an SVG.
 */
export function boxPlot({ label, yName, boxes }: BoxPlot): string {
  return renderChart(
    { label, width: 640, height: 340 },
    {
      grid: { left: 64, right: 20, top: 20, bottom: 40 },
      xAxis: {
        type: 'category',
        data: boxes.map(({ name }) => name),
        axisLabel: { ...axisText, interval: 0 },
        axisLine: { onZero: false, lineStyle: { color: mutedColor } },
        axisTick: { show: false },
      },
      yAxis: {
        type: 'value',
        scale: true,
        name: yName,
        nameLocation: 'middle',
        nameGap: 44,
        nameTextStyle: axisText,
        axisLabel: axisText,
        splitLine: { lineStyle: { color: gridColor } },
      },
      series: [
        {
          type: 'boxplot',
          boxWidth: [24, 60],
          data: boxes.map(({ values }, index) => ({
            value: fiveNumbers(values),
            itemStyle: { color: `${seriesColor(index)}22`, borderColor: seriesColor(index), borderWidth: 2 },
          })),
        },
        {
          type: 'scatter',
          silent: true,
          symbolSize: 5,
          data: boxes.flatMap(({ name, values }, index) =>
            values.map((value) => ({
              value: [name, value],
              itemStyle: { color: `${seriesColor(index)}88` },
            })),
          ),
        },
      ],
    },
  );
}

/**
 * Lowest, first quartile, median, third quartile, highest; quartiles interpolated between
 * neighbours.
 */
export function fiveNumbers(values: readonly number[]): number[] {
  const sorted = [...values].sort((a, b) => a - b);
  return [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const place = share * (sorted.length - 1);
    const [below, above] = [sorted[Math.floor(place)] ?? Number.NaN, sorted[Math.ceil(place)] ?? Number.NaN];
    return below + (above - below) * (place - Math.floor(place));
  });
}
