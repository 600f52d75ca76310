import { beforeAll, expect, it } from 'vitest';
import { type SourceFile, sourceFiles } from '../../support/source-files.ts';

/** Where words for people begin: commands, what draws them, the service's log. */
const speakers = [
  /^(agent|merger)\/commands\//,
  /^shared\/cli\//,
  /^deploy\/bin\//,
  /^deploy\/(demo|experiment)\/command\.ts$/,
  /^deploy\/pretraining\/(pretrain|distill)\.ts$/,
  /^merger\/service\/log\.ts$/,
];

let others: readonly SourceFile[];
beforeAll(async () => {
  others = (await sourceFiles()).filter(({ path }) => !speakers.some((speaker) => speaker.test(path)));
});

/** Sources below the commands in which something is found. */
function found(pattern: RegExp): readonly string[] {
  return others.filter(({ text }) => pattern.test(text)).map(({ path }) => path);
}

it('nothing below a command writes to a stream', () => {
  expect(others.length).toBeGreaterThan(100);
  expect(found(/process\.(stderr|stdout)|console\.\w/)).toEqual([]);
});

it('nothing below a command knows the terminal', () => {
  expect(found(/from '[./]+\/cli\/(progress|command-context|run-program)\.ts'/)).toEqual([]);
});
