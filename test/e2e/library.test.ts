import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ProgressEvent } from '../../deploy/library/index.ts';
import { toyRows, writeRows, writeTinyBase } from '../support/tiny-model.ts';
import { writeRecipe } from '../support/tiny-round.ts';

/** As it was built: a merger's worker threads need JavaScript. */
const built = new URL('../../dist/deploy/library/index.js', import.meta.url).href;
const library: typeof import('../../deploy/library/index.ts') = await import(built);
const { collectHeadStatistics, collectStatistics, fitHead, merge, predict, runAgent, serveRound, train } =
  library;

const task = 'text-classification' as const;
const compute = { threads: 1 };
let folder: string;
const at = (...names: string[]): string => join(folder, ...names);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-library-'));
  await writeTinyBase(at('base'));
  for (const [index, name] of ['north', 'south'].entries()) {
    const rows = toyRows(task, 16, index + 1);
    const named = rows.map((row) => ({ ...row, label: row.label === 'warm' ? 'positive' : 'negative' }));
    await writeRows(at(`${name}.jsonl`), named);
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const tuning = (out: string) => ({
  task,
  model: at('base'),
  trainFiles: [at('north.jsonl')],
  epochs: 2,
  learningRate: 1e-2,
  out: at(out),
});

describe('the functions of the library', () => {
  it('tell how far they have come, and predict what the command writes', async () => {
    const events: ProgressEvent[] = [];
    const onProgress = (event: ProgressEvent) => events.push(event);
    const { labels } = await train(tuning('tuned'), { compute, onProgress });
    expect(labels).toEqual(['negative', 'positive']);
    expect(events.at(-1)).toMatchObject({ label: 'training', unit: 'tokens', finished: true });
    expect(events.at(-1)?.done).toBe(events.at(-1)?.total);

    const rows = await predict({ model: at('tuned'), task, dataFiles: [at('south.jsonl')] }, { compute });
    expect(rows).toHaveLength(16);
    expect(rows[0]?.logits).toHaveLength(2);
    expect(labels).toContain(rows[0]?.label);
  });

  it('fit a head to all data, as the commands do', async () => {
    const statistics: string[] = [];
    for (const agent of ['north', 'south']) {
      statistics.push(at(`${agent}-head.safetensors`));
      const data = { task, dataFiles: [at(`${agent}.jsonl`)], agent, out: statistics.at(-1) as string };
      await collectHeadStatistics({ ...data, model: at('tuned') }, { compute });
    }
    const report = await fitHead({ model: at('tuned'), statistics, out: at('fitted') }, { compute });
    expect(report).toMatchObject({ ridge: 1, agents: [{ rows: 16 }, { rows: 16 }] });
  });

  it('are stopped by a signal, with nothing half-done, and training continues', async () => {
    const stop = new AbortController();
    const onProgress = ({ done }: ProgressEvent) => {
      if (done > 0) stop.abort();
    };
    const run = { compute, signal: stop.signal, onProgress };
    await expect(train(tuning('stopped'), run)).rejects.toMatchObject({ code: 'interrupted' });
    await train(tuning('stopped'), { compute });

    const statistics = { model: at('tuned'), task, dataFiles: [at('north.jsonl')], agent: 'north' } as const;
    const stopped = collectStatistics({ ...statistics, out: at('half') }, { compute, signal: stop.signal });
    await expect(stopped).rejects.toMatchObject({ code: 'interrupted' });
    expect(await readdir(folder)).not.toContain('half');

    await collectStatistics({ ...statistics, out: at('whole') }, { compute });
    const merging = merge({ contributions: [at('whole')], out: at('fused') }, { signal: stop.signal });
    await expect(merging).rejects.toMatchObject({ code: 'interrupted' });
    expect(await readdir(folder)).not.toContain('fused');
  });

  it('serve a round to agents in one process, to the end', async () => {
    const training = 'training: { epochs: 1, batchSize: 8, learningRate: 0.01 }';
    await writeRecipe(at('round.yaml'), 'base', ['north', 'south'], [training]);
    const notes: string[] = [];
    let listening: (address: string) => void = () => {};
    const address = new Promise<string>((resolve) => {
      listening = resolve;
    });
    const stop = new AbortController();
    const serving = serveRound(
      {
        recipe: at('round.yaml'),
        store: at('store'),
        listen: '127.0.0.1:0',
        plaintext: true,
        onListening: listening,
      },
      { compute, signal: stop.signal, onNote: (line) => notes.push(line) },
    );
    const server = await address;
    const takePart = (name: string) =>
      runAgent(
        {
          ...{ server, plaintext: true, name, trainFiles: [at(`${name}.jsonl`)] },
          ...{ work: at(`${name}-work`), out: at(`${name}-fused`) },
        },
        { compute },
      );
    const results = await Promise.all(['north', 'south'].map(takePart));
    stop.abort();
    await serving;
    expect(results.map(({ out }) => out)).toEqual([at('north-fused'), at('south-fused')]);
    expect(await readdir(at('north-fused'))).toContain('model.safetensors');
    expect(notes.some((line) => line.includes('listening'))).toBe(true);
  });
});
