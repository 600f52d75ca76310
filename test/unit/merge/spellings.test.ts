import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { statisticsDefaults } from '../../../agent/statistics/statistics-options.ts';
import { collectStatistics } from '../../../agent/steps/collect-statistics.ts';
import { matchContribution } from '../../../merger/matching/match-contribution.ts';
import { mergeContributions } from '../../../merger/merge/merge-contributions.ts';
import { validateContribution } from '../../../shared/contribution/validate-contribution.ts';
import { describeFiles } from '../../../shared/contribution/write-contribution.ts';
import { withModel } from '../../../shared/formats/open-model.ts';
import { createModel, saveModel } from '../../../shared/models/model-folder.ts';
import { openSafetensors } from '../../../shared/safetensors/open-safetensors.ts';
import { type TensorToWrite, writeSafetensors } from '../../../shared/safetensors/write-safetensors.ts';
import { quietContext, recordingContext } from '../../support/run-context.ts';
import {
  changeWeights,
  readWeights,
  tinyConfig,
  toyRows,
  writeRows,
  writeTinyBase,
} from '../../support/tiny-model.ts';

const task = 'text-classification';
const labels = ['cold', 'warm'];

let root: string;
let base: string;
const at = (name: string): string => join(root, name);

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'regmean-merge-spellings-'));
  base = await writeTinyBase(at('base'));
  for (const [seed, agent] of ['north', 'south'].entries()) {
    await writeRows(at(`${agent}.jsonl`), toyRows(task, 20, seed));
    await mkdir(at(`${agent}-model`));
    await saveModel(at(`${agent}-model`), createModel(tinyConfig, task, labels, seed + 10));
    await contribute(`${agent}-model`, agent, agent);
    for (const spelling of ['bare', 'wrapped', 'pretrained'] as const) {
      await respell(agent, `${agent}-${spelling}`, spelling);
    }
  }
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function contribute(model: string, agent: string, out: string): Promise<void> {
  await collectStatistics(
    {
      ...statisticsDefaults,
      ...{ model: at(model), task, dataFiles: [at(`${agent}.jsonl`)], out: at(out), agent, base },
      ...{ batchSize: 4, shareMetrics: false },
      fisher: { variant: 'empirical', reduction: 'example', examples: 8 },
    },
    quietContext,
  );
}

type Spelling = 'bare' | 'wrapped' | 'pretrained';

const bare = (name: string): string =>
  name
    .replace(/^bert\./, '')
    .replace(/LayerNorm\.weight$/, 'LayerNorm.gamma')
    .replace(/LayerNorm\.bias$/, 'LayerNorm.beta');
const spellings: Readonly<Record<Spelling, (name: string) => string>> = {
  bare,
  wrapped: (name) => `module._orig_mod.${name}`,
  pretrained: (name) => name,
};

/** The same contribution as another program would have written it. */
async function respell(from: string, to: string, spelling: Spelling): Promise<void> {
  const rename = spellings[spelling];
  const moduleOf = (module: string): string => rename(`${module}.weight`).replace(/\.weight$/, '');
  await cp(at(from), at(to), { recursive: true });
  for (const [file, named] of [
    ['model.safetensors', rename],
    ['fisher.safetensors', rename],
    ['grams.safetensors', (name: string) => name],
  ] as const) {
    const reader = await openSafetensors(at(`${from}/${file}`));
    const tensors: TensorToWrite[] = [];
    for (const name of reader.tensors.keys()) {
      tensors.push({ name: named(name), ...(await reader.readFloat32(name)) });
    }
    await reader.close();
    const metadata = Object.fromEntries(reader.metadata);
    const layers = Object.entries(JSON.parse(metadata.layers ?? '{}')).map(([module, gram]) => [
      moduleOf(module),
      gram,
    ]);
    const more = spelling === 'pretrained' && file === 'model.safetensors' ? leftOver : [];
    await writeSafetensors(at(`${to}/${file}`), [...tensors.reverse(), ...more], {
      ...metadata,
      ...(layers.length === 0 ? {} : { layers: JSON.stringify(Object.fromEntries(layers)) }),
    });
  }
  const manifest = JSON.parse(await readFile(at(`${to}/contribution.json`), 'utf8'));
  manifest.files = await describeFiles(at(to));
  await writeFile(at(`${to}/contribution.json`), JSON.stringify(manifest));
}

/** What a checkpoint of pretraining holds beside its backbone. */
const leftOver: readonly TensorToWrite[] = [
  { name: 'cls.predictions.bias', shape: [12], data: new Float32Array(12) },
  { name: 'bert.embeddings.position_ids', shape: [1, 12], data: new BigInt64Array(12) },
];

let count = 0;
async function merged(first: string, second: string, method: 'simple' | 'fisher' | 'regmean') {
  const out = at(`fused-${count++}`);
  const context = recordingContext();
  const report = await mergeContributions([at(first), at(second)], { method, out }, context, {
    checkFiles: true,
  });
  return { bytes: await readFile(join(out, 'model.safetensors')), report, notes: context.notes };
}

describe.each(['simple', 'fisher', 'regmean'] as const)('%s', (method) => {
  it.each([
    ['north-bare', 'south-bare'],
    ['north-bare', 'south'],
    ['north', 'south-wrapped'],
    ['north-wrapped', 'south-bare'],
    ['north', 'south-pretrained'],
    ['north-pretrained', 'south'],
  ])('merges %s and %s into the bytes of north and south', async (first, second) => {
    const expected = await merged('north', 'south', method);
    const { bytes, report } = await merged(first, second, method);
    expect(bytes.equals(expected.bytes)).toBe(true);
    expect(report.parameters).toEqual(expected.report.parameters);
  });
});

it('says which tensors are in no merge', async () => {
  expect((await merged('north', 'south-pretrained', 'simple')).notes).toEqual([
    'south: not used by text-classification: cls.predictions.bias',
  ]);
});

it('the fused model holds the parameters of its class and no others', async () => {
  await merged('north-pretrained', 'south-bare', 'regmean');
  const fused = await readWeights(at(`fused-${count - 1}`));
  const { weights } = createModel(tinyConfig, task, labels, 1);
  expect([...fused.keys()]).toEqual([...weights.keys()].sort());
});

describe.each(['bare', 'wrapped', 'pretrained'] as const)('a contribution spelled %s', (spelling) => {
  it('passes the checks of a round', async () => {
    const tensors = await withModel(base, (model) => model.tensorsFor(task, labels));
    const expectations = { task, tensors, networkOf: base, grams: true, fisher: true } as const;
    await validateContribution(at(`north-${spelling}`), expectations);
  });

  it('has its neurons matched', async () => {
    const options = { by: 'weights', task } as const;
    for (const [right, out] of [
      ['south', 'plain'],
      [`south-${spelling}`, spelling],
    ] as const) {
      await matchContribution(
        { ...options, left: at('north'), right: at(right), out: at(`matched-${out}`) },
        quietContext,
      );
    }
    const expected = await merged('north', 'matched-plain/contribution', 'regmean');
    expect(
      (await merged('north', `matched-${spelling}/contribution`, 'regmean')).bytes.equals(expected.bytes),
    ).toBe(true);
  });
});

describe('a checkpoint that was fine-tuned elsewhere, under bare names', () => {
  it('makes the contribution that its prefixed twin makes', async () => {
    await cp(at('north-model'), at('elsewhere'), { recursive: true });
    const weights = await readWeights(at('north-model'));
    await changeWeights(at('elsewhere'), () => null);
    await writeSafetensors(at('elsewhere/model.safetensors'), [
      ...[...weights].map(([name, tensor]) => ({ name: bare(name), ...tensor })),
      { name: 'embeddings.position_ids', shape: [1, 2], data: BigInt64Array.of(0n, 1n) },
    ]);
    const config = JSON.parse(await readFile(at('elsewhere/config.json'), 'utf8'));
    await writeFile(at('elsewhere/config.json'), JSON.stringify({ ...config, architectures: ['BertModel'] }));
    await contribute('elsewhere', 'north', 'from-elsewhere');
    expect(await readWeights(at('from-elsewhere'))).toEqual(await readWeights(at('north')));
    const written = JSON.parse(await readFile(at('from-elsewhere/config.json'), 'utf8'));
    expect(written.architectures).toEqual(['BertForSequenceClassification']);
    const expected = await merged('north', 'south', 'regmean');
    expect((await merged('from-elsewhere', 'south', 'regmean')).bytes.equals(expected.bytes)).toBe(true);
  });
});
