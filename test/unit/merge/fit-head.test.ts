import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collectHeadStatistics } from '../../../agent/steps/head-statistics.ts';
import { fitHead } from '../../../merger/merge/fit-head.ts';
import { readHeadStatistics } from '../../../shared/contribution/head-statistics.ts';
import type { TaskKind } from '../../../shared/task.ts';
import { fixtureRows } from '../../support/fixture-rows.ts';
import { quietContext } from '../../support/run-context.ts';
import { readWeights, writeRows } from '../../support/tiny-model.ts';
import '../../support/allclose.ts';
import { type ExpectedTensor, readExpectedTensors, torchFixtureFolder } from '../../support/torch-fixture.ts';

const ridge = 0.5;
const cases: readonly [name: string, task: TaskKind, layer: string][] = [
  ['bert-text-classification', 'text-classification', 'classifier'],
  ['bert-multi-label-classification', 'multi-label-classification', 'classifier'],
  ['bert-regression', 'regression', 'classifier'],
  ['roberta-text-classification', 'text-classification', 'classifier.out_proj'],
  ['distilbert-token-classification', 'token-classification', 'classifier'],
  ['modernbert-text-classification', 'text-classification', 'classifier'],
  ['qwen2-multi-label-classification', 'multi-label-classification', 'score'],
];

let folder: string;
let expected: ReadonlyMap<string, ExpectedTensor>;
const at = (...names: string[]): string => join(folder, ...names);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-head-'));
  expected = await readExpectedTensors(join(torchFixtureFolder('head'), 'expected.safetensors'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Statistics of a part of a case's rows. */
async function collect(
  name: string,
  task: TaskKind,
  agent: string,
  rows: readonly object[],
): Promise<string> {
  const data = await writeRows(at(`${name}-${agent}.jsonl`), rows);
  const out = at(`${name}-${agent}.safetensors`);
  const model = torchFixtureFolder(name);
  await collectHeadStatistics({ model, task, dataFiles: [data], out, agent, batchSize: 4 }, quietContext);
  return out;
}

describe('a head that is fitted to the data of all agents', () => {
  it.each(cases)('is the ridge regression of all data together: %s', async (name, task, layer) => {
    const rows = await fixtureRows(name, task);
    const model = torchFixtureFolder(name);
    const statistics = [
      await collect(name, task, 'north', rows.slice(0, 5)),
      await collect(name, task, 'south', rows.slice(5)),
    ];
    const out = at(name);
    const report = await fitHead({ model, statistics, out, ridge }, quietContext);
    expect(report).toMatchObject({ layer, ridge, agents: [{ agent: 'north' }, { agent: 'south' }] });
    const [before, after] = [await readWeights(model), await readWeights(out)];
    for (const kind of ['weight', 'bias']) {
      const wanted = expected.get(`${name}.${kind}`);
      const got = after.get(`${layer}.${kind}`);
      expect(got === undefined, kind).toBe(wanted === undefined);
      if (wanted !== undefined) expect(got).toBeAllclose(wanted, { rtol: 1e-5, atol: 1e-6 });
    }
    for (const [own, { data }] of before) {
      if (own !== `${layer}.weight` && own !== `${layer}.bias`)
        expect(after.get(own)?.data, own).toEqual(data);
    }
  });

  it('does not depend on how the data are divided', async () => {
    const [name, task] = ['bert-text-classification', 'text-classification'] as const;
    const rows = await fixtureRows(name, task);
    const whole = await readHeadStatistics(await collect(name, task, 'all', rows));
    const parts = [
      await readHeadStatistics(await collect(name, task, 'first', rows.slice(0, 3))),
      await readHeadStatistics(await collect(name, task, 'rest', rows.slice(3))),
    ];
    for (const key of ['gram', 'cross'] as const) {
      const { rows: count, columns, data } = whole[key];
      const shape = [count, columns];
      const sum = data.map((_, i) => parts.reduce((total, own) => total + Number(own[key].data[i]), 0));
      expect({ shape, data: sum }).toBeAllclose({ shape, data }, { rtol: 1e-5 });
    }
    expect(parts[0]?.rows).toBe(3);
  });

  it('refuses statistics of another model, of other classes, and of one agent twice', async () => {
    const [name, task] = ['bert-text-classification', 'text-classification'] as const;
    const rows = await fixtureRows(name, task);
    const own = await collect(name, task, 'one', rows);
    const model = torchFixtureFolder(name);
    const headOf = (statistics: readonly string[], changed = model) =>
      fitHead({ model: changed, statistics, out: at('refused'), ridge }, quietContext);
    await expect(headOf([own, own])).rejects.toThrow('head: agents must differ, got one twice');
    const other = torchFixtureFolder('bert-regression');
    await expect(headOf([own], other)).rejects.toMatchObject({
      message: expect.stringMatching(
        /one\.safetensors: must be of the model .*bert-regression \(\w+\), is of \w+$/,
      ),
      hint: 'collect them in this model with: regmean head-stats',
    });
    const bytes = await readFile(own);
    const cut = at('cut.safetensors');
    await writeFile(cut, bytes.toString('latin1').replace('regmean-head/1', 'regmean-head/9'), 'latin1');
    await expect(headOf([cut])).rejects.toThrow('cut.safetensors: must hold statistics of a head');
    const flipped = Buffer.from(bytes);
    flipped.writeDoubleLE(-1, flipped.length - 8 * (1 + (await readHeadStatistics(own)).cross.data.length));
    await writeFile(cut, flipped);
    await expect(headOf([cut])).rejects.toThrow('cut.safetensors: inputs: entry [');
  });

  it('refuses heads of agents’ own, and tasks of language', async () => {
    const [name, task] = ['bert-text-classification', 'text-classification'] as const;
    const own = await collect(name, task, 'north', await fixtureRows(name, task));
    const apart = at('apart');
    await cp(torchFixtureFolder(name), apart, { recursive: true });
    await cp(torchFixtureFolder(name), join(apart, 'heads', 'north'), { recursive: true });
    await expect(
      fitHead({ model: apart, statistics: [own], out: at('refused'), ridge }, quietContext),
    ).rejects.toThrow('apart: must have one head, holds one for each agent in heads');
    const rows = await writeRows(at('targets.jsonl'), [{ input_ids: [5, 6, 1], labels: [7, 1] }]);
    const options = { dataFiles: [rows], out: at('language'), agent: 'north', batchSize: 4 };
    await expect(
      collectHeadStatistics(
        { ...options, model: torchFixtureFolder('t5-text2text'), task: 'text2text' },
        quietContext,
      ),
    ).rejects.toThrow('head: the task must be one of text-classification, multi-label-classification');
  });
});
