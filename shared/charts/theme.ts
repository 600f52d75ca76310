/**
 * @file What all charts have in common. Colours are Okabe and Ito's (2008), which colour-blind
 *   readers tell apart.
 */

/** Colours of series, in the order in which they are used. */
export const seriesColors = [
  '#0072b2',
  '#d55e00',
  '#009e73',
  '#cc79a7',
  '#e69f00',
  '#56b4e9',
  '#6b7280',
] as const;

export const textColor = '#1f2933';
export const mutedColor = '#7b8794';
export const gridColor = '#e4e7eb';
/** Names in single quotes: attributes of SVGs stand in double ones. */
export const fontFamily = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";

/** The colour of series `index`. */
export function seriesColor(index: number): string {
  return seriesColors[index % seriesColors.length] as string;
}

/** Text of axes and legends. */
export const axisText = { color: textColor, fontFamily, fontSize: 12 } as const;
