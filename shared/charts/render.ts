/** @file Apache ECharts without a browser: an option object becomes an SVG text. */
import * as echarts from 'echarts';
import { fontFamily } from './theme.ts';

/** Size of a chart and how it is called. */
export interface ChartFrame {
  /**
   * Said to those who cannot see it; also names the parts of the SVG, and so must differ between
   * charts of a page.
   */
  readonly label: string;
  readonly width: number;
  readonly height: number;
}

/** Renders a chart. Equal input gives equal text. */
export function renderChart({ label, width, height }: ChartFrame, option: echarts.EChartsCoreOption): string {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height });
  try {
    chart.setOption({
      animation: false,
      textStyle: { fontFamily },
      backgroundColor: '#ffffff',
      ...option,
    });
    return withStableIds(chart.renderToSVGString({ useViewBox: true }), label);
  } finally {
    chart.dispose();
  }
}

/**
 * ECharts counts its charts and elements for the whole process; names made from the label are the
 * same every time. Its styles are for pointers that hover, and in a page would hold for all charts.
 */
function withStableIds(svg: string, label: string): string {
  const prefix = label.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  const known = new Map<string, string>();
  const stable = (id: string): string => {
    const name = known.get(id) ?? `${prefix}-${known.size}`;
    known.set(id, name);
    return name;
  };
  return svg
    .replace(/<style[^>]*>[\s\S]*?<\/style>\s*/g, '')
    .replace(/zr\d+-[a-z]+-?\d+/g, stable)
    .replace(/^<svg /, `<svg role="img" aria-label="${escapeText(label)}" `);
}

/** Text that can stand in HTML and SVG, also between quotation marks. */
export function escapeText(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
