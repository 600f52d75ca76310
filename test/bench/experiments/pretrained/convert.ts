/**
 * @file Turns a labelled file in any form that regmean reads into the JSON Lines of these
 *   experiments, with other names for its classes: `node
 *   dist/test/bench/experiments/pretrained/convert.js --task token-classification --map
 *   person=PER,corporation=ORG,group=ORG,location=LOC,other=MISC --out
 *   bench-data/names/wnut17/train.jsonl wnut17train.conll`
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { readRows } from '../../../../shared/data/read-rows.ts';
import type { RawLabel, Row } from '../../../../shared/data/row.ts';

const { values, positionals } = parseArgs({
  options: {
    task: { type: 'string', default: 'token-classification' },
    map: { type: 'string', default: '' },
    out: { type: 'string' },
    'text-column': { type: 'string' },
    'label-column': { type: 'string' },
    'tokens-column': { type: 'string' },
    'tags-column': { type: 'string' },
  },
  allowPositionals: true,
});
const { out } = values;
if (out === undefined || positionals.length === 0) {
  throw new Error('usage: convert.js --task TASK --map OLD=NEW,... --out FILE.jsonl FILE...');
}
const names = new Map(
  values.map
    .split(',')
    .filter((pair) => pair !== '')
    .map((pair) => pair.split('=') as [string, string]),
);
const isOneClass = values.task === 'text-classification';
const task = values.task === 'token-classification' ? values.task : 'multi-label-classification';
const columns = {
  ...(values['text-column'] === undefined ? {} : { textColumn: values['text-column'] }),
  ...(values['label-column'] === undefined ? {} : { labelColumn: values['label-column'] }),
  ...(values['tokens-column'] === undefined ? {} : { tokensColumn: values['tokens-column'] }),
  ...(values['tags-column'] === undefined ? {} : { tagsColumn: values['tags-column'] }),
};
const rows = await readRows(positionals, { task, labelled: true }, columns);
await mkdir(dirname(out), { recursive: true });
const lines = rows.flatMap(converted).map((row) => `${JSON.stringify(row)}\n`);
await writeFile(out, lines.join(''));
process.stdout.write(`${out}: ${lines.length} rows\n`);

/** A row under the new names; of one class, none for a row that has several classes or none. */
function converted({ input, label }: Row): readonly Record<string, unknown>[] {
  if (input.kind === 'words') return [{ tokens: input.words, ner_tags: listOf(label).map(tagNamed) }];
  if (input.kind === 'text') {
    const labels = [...new Set(listOf(label).flatMap(classNamed))];
    if (!isOneClass) return [{ text: input.text, labels }];
    return labels.length === 1 ? [{ text: input.text, label: labels[0] }] : [];
  }
  throw new Error(`rows must be texts or lists of words, got ${input.kind}`);
}

function listOf(label: RawLabel): readonly string[] {
  return (Array.isArray(label) ? label : [label]).map(String);
}

/** The new name of a class; none where it is mapped to nothing. */
function classNamed(name: string): readonly string[] {
  const mapped = names.get(name) ?? names.get('other') ?? name;
  return mapped === '' ? [] : [mapped];
}

/** The new name of a tag like `B-person`; outside where its class is mapped to nothing. */
function tagNamed(tag: string): string {
  if (tag === 'O') return tag;
  const [mapped] = classNamed(tag.slice(2));
  return mapped === undefined ? 'O' : `${tag.slice(0, 2)}${mapped}`;
}
