import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageFile } from '../../../shared/files/package-file.ts';

/** Where words for people begin: commands, what draws them, the service's log. */
const speakers = [
  /^(agent|merger)\/commands\//,
  /^shared\/cli\//,
  /^deploy\/bin\//,
  /^deploy\/(demo|experiment)\/command\.ts$/,
  /^deploy\/pretraining\/pretrain\.ts$/,
  /^merger\/service\/log\.ts$/,
];

const sources = ['agent', 'deploy', 'merger', 'shared'].flatMap((folder) =>
  readdirSync(packageFile(folder), { recursive: true, encoding: 'utf8' })
    .map((path) => `${folder}/${path.replaceAll('\\', '/')}`)
    .filter((path) => path.endsWith('.ts')),
);
const others = sources.filter((path) => !speakers.some((speaker) => speaker.test(path)));
const textOf = (path: string): string => readFileSync(join(packageFile(), path), 'utf8');

it('nothing below a command writes to a stream', () => {
  const written = /process\.(stderr|stdout)|console\.\w/;
  expect(others.length).toBeGreaterThan(100);
  expect(others.filter((path) => written.test(textOf(path)))).toEqual([]);
});

it('nothing below a command knows the terminal', () => {
  const drawing = /from '[./]+\/cli\/(progress|command-context|run-program)\.ts'/;
  expect(others.filter((path) => drawing.test(textOf(path)))).toEqual([]);
});
