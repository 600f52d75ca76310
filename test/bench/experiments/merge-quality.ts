/**
 * @file Measures what the merge is for: one model for all domains. Fine-tunes an agent per domain, merges them by
 * Simple and by RegMean at several alphas, and scores everything on every domain, over several seeds (of training,
 * head and data split). `npm run bench:quality -- --dataset names --seeds 1,2,3 --out DIR`. What is in DIR is not computed again.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { evaluateModels, type Score } from '../../../agent/inference/evaluate-models.ts';
import { collectStatistics } from '../../../agent/statistics/collect-statistics.ts';
import { runTraining } from '../../../agent/training/run-training.ts';
import { trainingDefaults } from '../../../agent/training/training-options.ts';
import { writeDataset } from '../../../deploy/datasets/dataset.ts';
import { type DemoDatasetName, demoDatasets } from '../../../deploy/datasets/datasets.ts';
import { mergeContributions } from '../../../merger/merge/merge-contributions.ts';
import { packageFile } from '../../../shared/files/package-file.ts';

const alphas = [0, 0.1, 0.5, 0.7, 0.9, 1] as const;

/** Scores of one model: test set -> main metric. */
type Scores = Readonly<Record<string, number>>;

/** What one seed gives: model -> scores. */
interface SeedResult {
  readonly domains: readonly string[];
  readonly outOfDomain: readonly string[];
  readonly models: Readonly<Record<string, Scores>>;
}

const { values } = parseArgs({
  options: {
    dataset: { type: 'string', default: 'names' },
    seeds: { type: 'string', default: '1,2,3' },
    out: { type: 'string', default: 'bench-output' },
    base: { type: 'string', default: packageFile('deploy', 'base-model') },
    train: { type: 'string', default: '900' },
    test: { type: 'string', default: '300' },
    epochs: { type: 'string', default: '6' },
    lr: { type: 'string', default: '3e-4' },
    freeze: { type: 'string', multiple: true, default: [] },
  },
});
const datasetName = values.dataset as DemoDatasetName;
const freeze = values.freeze.map((pattern) => new RegExp(pattern));
const results: SeedResult[] = [];
for (const seed of values.seeds.split(',').map(Number)) {
  results.push(await measureSeed(seed, join(values.out, datasetName, `seed-${seed}`)));
}
process.stdout.write(`\n${markdown(results)}`);

async function measureSeed(seed: number, folder: string): Promise<SeedResult> {
  const resultFile = join(folder, 'result.json');
  if (existsSync(resultFile)) return JSON.parse(await readFile(resultFile, 'utf8')) as SeedResult;
  await mkdir(folder, { recursive: true });
  const sizes = { train: Number(values.train), dev: 150, test: Number(values.test) };
  const dataset = demoDatasets[datasetName](sizes, seed);
  const data = join(folder, 'data');
  await writeDataset(dataset, data);
  const domains = dataset.domains.map(({ domain }) => domain);
  const outOfDomain = dataset.outOfDomain.map(({ domain }) => domain);
  const { task, labels } = dataset;

  const models: Record<string, string> = {};
  const contributions: string[] = [];
  for (const domain of domains) {
    const model = join(folder, 'models', domain);
    const contribution = join(folder, 'contributions', domain);
    const part = (name: string): string => join(data, domain, `${name}.jsonl`);
    if (!existsSync(join(model, 'training.json'))) {
      await runTraining({
        ...trainingDefaults,
        model: values.base,
        task,
        labels,
        trainFiles: [part('train')],
        devFiles: [part('dev')],
        out: model,
        epochs: Number(values.epochs),
        learningRate: Number(values.lr),
        seed,
        headSeed: seed,
        freeze,
      });
    }
    if (!existsSync(join(contribution, 'contribution.json'))) {
      await collectStatistics({
        model,
        task,
        dataFiles: [part('train')],
        out: contribution,
        agent: domain,
        batches: 1000,
        batchSize: 16,
        seed,
        shareMetrics: false,
      });
    }
    models[domain] = model;
    contributions.push(contribution);
  }
  const agents = Object.values(models);
  const merged: Record<string, string> = { Simple: join(folder, 'merged', 'simple') };
  await mergeContributions(contributions, { method: 'simple', out: merged.Simple ?? '' });
  for (const alpha of alphas) {
    const name = `RegMean ${alpha}`;
    merged[name] = join(folder, 'merged', `regmean-${alpha}`);
    await mergeContributions(contributions, { method: 'regmean', alpha, out: merged[name] ?? '' });
  }

  const dataFiles = [...domains, ...outOfDomain].map((domain) => join(data, domain, 'test.jsonl'));
  const common = { task, dataFiles, batchSize: 32 };
  const scores = [
    ...(await evaluateModels({ ...common, models: agents, ensemble: true })),
    ...(await evaluateModels({ ...common, models: Object.values(merged), ensemble: false })),
  ];
  const nameOf = new Map(
    [...Object.entries(models), ...Object.entries(merged)].map(([name, path]) => [path, name]),
  );
  const result: SeedResult = { domains, outOfDomain, models: byModel(scores, nameOf, data) };
  await writeFile(resultFile, `${JSON.stringify(result, undefined, 2)}\n`);
  return result;
}

function byModel(
  scores: readonly Score[],
  nameOf: ReadonlyMap<string, string>,
  data: string,
): Record<string, Record<string, number>> {
  const models: Record<string, Record<string, number>> = {};
  for (const { model, data: file, main, metrics } of scores) {
    const name = nameOf.get(model) ?? model;
    const domain = file.slice(data.length + 1).split('/')[0] ?? file;
    models[name] = { ...models[name], [domain]: metrics[main] ?? Number.NaN };
  }
  return models;
}

/** Mean and standard deviation over seeds: macro averages in-domain and out-of-domain, and each domain. */
function markdown(seeds: readonly SeedResult[]): string {
  const first = seeds[0];
  if (first === undefined) return '';
  const macro = (scores: Scores, names: readonly string[]): number =>
    mean(names.map((name) => scores[name] ?? 0));
  const rows: { name: string; of: (seed: SeedResult) => Scores }[] = [
    { name: 'average of single models', of: (seed) => averageOf(seed, seed.domains) },
    { name: 'best single model', of: (seed) => seed.models[bestSingle(seed)] ?? {} },
    { name: 'each on its own domain', of: ownDomain },
    { name: 'ensemble', of: (seed) => seed.models.ensemble ?? {} },
    { name: 'Simple', of: (seed) => seed.models.Simple ?? {} },
    ...alphas.map((alpha) => ({
      name: `RegMean, alpha ${alpha}`,
      of: (seed: SeedResult) => seed.models[`RegMean ${alpha}`] ?? {},
    })),
  ];
  const unseen = first.outOfDomain.length > 0;
  const columns = ['in-domain', ...(unseen ? ['unseen'] : []), 'above Simple', ...first.domains];
  const lines = [
    `| ${['model', ...columns].join(' | ')} |`,
    `| ${['---', ...columns.map(() => '---:')].join(' | ')} |`,
    ...rows.map(({ name, of }) => {
      const inDomain = seeds.map((seed) => macro(of(seed), seed.domains));
      const outside = seeds.map((seed) => macro(of(seed), seed.outOfDomain));
      const gain = seeds.map(
        (seed) => macro(of(seed), seed.domains) - macro(seed.models.Simple ?? {}, seed.domains),
      );
      const each = first.domains.map((domain) => spread(seeds.map((seed) => of(seed)[domain] ?? 0)));
      const hasUnseen = unseen && name !== 'each on its own domain';
      const cells = [
        spread(inDomain),
        ...(unseen ? [hasUnseen ? spread(outside) : ''] : []),
        spread(gain),
        ...each,
      ];
      return `| ${[name, ...cells].join(' | ')} |`;
    }),
  ];
  return `${lines.join('\n')}\n`;

  function averageOf(seed: SeedResult, names: readonly string[]): Scores {
    const sets = [...seed.domains, ...seed.outOfDomain];
    return Object.fromEntries(
      sets.map((set) => [set, mean(names.map((name) => seed.models[name]?.[set] ?? 0))]),
    );
  }
  function bestSingle(seed: SeedResult): string {
    const ranked = [...seed.domains].sort(
      (a, b) => macro(seed.models[b] ?? {}, seed.domains) - macro(seed.models[a] ?? {}, seed.domains),
    );
    return ranked[0] ?? '';
  }
  function ownDomain(seed: SeedResult): Scores {
    return Object.fromEntries(seed.domains.map((domain) => [domain, seed.models[domain]?.[domain] ?? 0]));
  }
}

function spread(values: readonly number[]): string {
  const center = mean(values);
  const deviation = Math.sqrt(
    values.reduce((sum, value) => sum + (value - center) ** 2, 0) / Math.max(1, values.length - 1),
  );
  return `${(100 * center).toFixed(1)} ± ${(100 * deviation).toFixed(1)}`;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}
