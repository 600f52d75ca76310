import { writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { writeRecipe } from '../support/tiny-round.ts';
import { runJson, useWireFixture } from '../support/wire-fixture.ts';
import { runCommand, startCommand, startMerger } from '../support/wire-process.ts';

const fixture = useWireFixture();

const vocabulary = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'good', 'bad', 'film', 'meal', 'day'];

/** Reviews by words that decide, beside summaries that say the opposite. */
async function writeReviews(path: string, [text, label]: readonly [string, string]): Promise<string> {
  const things = vocabulary.slice(6);
  const rows = Array.from({ length: 48 }, (_, row) => {
    const [word, opposite] = row % 2 === 0 ? ['good', 'bad'] : ['bad', 'good'];
    const thing = things[row % things.length];
    return `${opposite},${word} ${thing},${row % 2 === 0 ? 'positive' : 'negative'}`;
  });
  await writeFile(path, `summary,${text},${label}\n${rows.join('\n')}\n`);
  return path;
}

it('agents read the columns that the recipe names, or those that they name themselves', async () => {
  const { path } = fixture;
  await writeFile(path('base', 'vocab.txt'), `${vocabulary.join('\n')}\n`);
  const north = await writeReviews(path('north.csv'), ['review', 'stars']);
  const south = await writeReviews(path('south.csv'), ['comment', 'stars']);
  await writeRecipe(
    path('round.yaml'),
    'base',
    ['north', 'south'],
    [
      'training: { epochs: 10, learningRate: 0.005, batchSize: 8 }',
      'data: { textColumn: review, labelColumn: stars }',
    ],
  );
  const merger = await startMerger(path('round.yaml'), path('store'), ['--plaintext']);
  const run = (agent: string, data: string, ...flags: readonly string[]) => [
    ...['agent', 'run', '--name', agent, '--server', merger.address, '--plaintext', '--train', data],
    ...['--work', path(`${agent}-work`), '--out', path(`${agent}-fused`), ...flags],
  ];
  const refused = await runCommand(run('south', south));
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('review');

  const running = [
    startCommand(run('north', north)),
    startCommand(run('south', south, '--text-column', 'comment')),
  ];
  for (const { result } of running) expect((await result).code, (await result).stderr).toBe(0);
  const named = ['--text-column', 'review', '--label-column', 'stars'];
  const score = await runJson([
    ...['evaluate', '--model', path('north-fused'), '--task', 'text-classification', '--data', north],
    ...named,
  ]);
  expect(JSON.stringify(score)).toContain('"accuracy":1');
});
