/** @file Tables as data, and as Markdown and HTML. */
import { escapeText } from '../../../shared/charts/render.ts';

/** A table; the first column names the rows. */
export interface Table {
  readonly caption: string;
  readonly columns: readonly string[];
  readonly rows: readonly {
    readonly name: string;
    readonly cells: readonly { readonly text: string; readonly bold?: boolean }[];
  }[];
}

/** A Markdown table under its caption. */
export function markdownTable({ caption, columns, rows }: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(escapeMarkdown).join(' | ')} |`;
  return [
    `*${escapeMarkdown(caption)}*`,
    '',
    line(columns),
    `| ${columns.map((_, index) => (index === 0 ? '---' : '---:')).join(' | ')} |`,
    ...rows.map(({ name, cells }) =>
      line([name, ...cells.map(({ text, bold }) => (bold === true && text !== '' ? `**${text}**` : text))]),
    ),
  ].join('\n');
}

/** An HTML table that scrolls by itself where the page is narrow. */
export function htmlTable({ caption, columns, rows }: Table): string {
  const head = columns.map((name) => `<th scope="col">${escapeText(name)}</th>`).join('');
  const body = rows.map(({ name, cells }) => {
    const values = cells.map(({ text, bold }) => {
      const value = escapeText(text);
      return `<td>${bold === true && text !== '' ? `<strong>${value}</strong>` : value}</td>`;
    });
    return `<tr><th scope="row">${escapeText(name)}</th>${values.join('')}</tr>`;
  });
  return [
    '<div class="table"><table>',
    `<caption>${escapeText(caption)}</caption>`,
    `<thead><tr>${head}</tr></thead>`,
    `<tbody>${body.join('\n')}</tbody>`,
    '</table></div>',
  ].join('\n');
}

function escapeMarkdown(text: string): string {
  return text
    .replace(/[\r\n]+/g, ' ')
    .replaceAll('|', '\\|')
    .replaceAll('<', '&lt;');
}
