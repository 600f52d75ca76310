import { escapeText } from './render.ts';
import { fontFamily, gridColor, mutedColor, textColor } from './theme.ts';

const style = `
:root { color-scheme: light; }
body { margin: 0; background: #f5f7fa; color: ${textColor}; font: 16px/1.55 ${fontFamily}; }
main { max-width: 1080px; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.75rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.2rem; margin: 0 0 .75rem; }
p { margin: .4rem 0; max-width: 46rem; }
.lead { color: #52606d; margin-bottom: 1.5rem; }
section { background: #fff; border: 1px solid ${gridColor}; border-radius: 10px; padding: 1.25rem 1.5rem; margin: 1.25rem 0; }
.table { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: ${mutedColor}; padding-bottom: .4rem; white-space: nowrap; }
th, td { padding: .3rem .7rem; text-align: right; white-space: nowrap; border-bottom: 1px solid ${gridColor}; }
th { font-weight: 600; }
th:first-child { text-align: left; position: sticky; left: 0; background: #fff; }
tbody th { font-weight: 400; }
tbody tr:hover > * { background: #f5f7fa; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); gap: 1.25rem; }
figure { margin: .5rem 0; min-width: 0; }
figure svg { max-width: 100%; height: auto; }
figcaption { color: ${mutedColor}; font-size: .85rem; }
li { margin: .2rem 0; overflow-wrap: anywhere; }
@media print { body { background: #fff; } section { break-inside: avoid; border: none; padding: 0; } }
`;

/**
 * A page that needs no other file and runs no script.
 *
 * @param body HTML, its texts escaped already
 */
export function htmlPage(title: string, body: readonly string[]): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeText(title)}</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>${escapeText(title)}</h1>
${body.join('\n')}
</main>
</body>
</html>
`;
}
