/**
 * @file Checks that comments and Markdown prose end within 100 columns; part of `npm run lint`.
 * Tables, code blocks and what has no blank to break at are left alone.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const width = 100;
/** Generated files, and pages that a program writes. */
const exempt = [/\/generated\//, /^test\/bench\/experiments\/(?:pretrained\/)?README\.md$/];

const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'])
  .toString()
  .split('\n')
  .filter((file) => /\.(ts|mjs|proto|md)$/.test(file) && !exempt.some((own) => own.test(file)));

const problems = files.flatMap((file) => {
  const lines = readFileSync(file, 'utf8').split('\n');
  const isProse = file.endsWith('.md') ? markdownProse() : isComment;
  return lines.flatMap((line, index) => {
    const prose = isProse(line);
    const canBreak = /\S\s+\S/.test(line.replace(/^\s*(?:\/\*\*?|\*|\/\/|[-*>]|\d+\.|#+)\s*/, ''));
    return prose && canBreak && [...line].length > width ? [`${file}:${index + 1}`] : [];
  });
});

for (const place of problems) {
  process.stderr.write(`${place}: comments and prose must end within ${width} columns\n`);
}
process.exitCode = problems.length === 0 ? 0 : 1;

/** @param {string} line */
function isComment(line) {
  return /^\s*(?:\/\/|\/\*|\*(?:\s|$))/.test(line) && !/^\s*(?:\* \||\/\/ biome-ignore)/.test(line);
}

/** @returns {(line: string) => boolean} */
function markdownProse() {
  let inCode = false;
  return (line) => {
    if (/^\s*```/.test(line)) inCode = !inCode;
    return !inCode && !/^\s*\|/.test(line);
  };
}
