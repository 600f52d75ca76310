/**
 * @file RegMean of models with the shapes of RoBERTa-base, from contributions on disk to a model on
 *   disk: with Grams, dense and factored, and with covariances from weights, which needs none;
 *   beside the usual way in PyTorch, which holds everything in memory and inverts in float32. Each
 *   of our merges runs in a process of its own, for its peak memory, in turns. Usage: node
 *   dist/test/bench/merge.js [layers] [agents..]
 */
import { spawnSync } from 'node:child_process';
import { link, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mergeContributions } from '../../merger/merge/merge-contributions.ts';
import { largestResidual } from '../../merger/merge/merge-report.ts';
import { defaultGramRank } from '../../shared/contribution/gram-forms.ts';
import { packUpper } from '../../shared/contribution/gram-packing.ts';
import { type GramToWrite, gramsFile, writeGrams } from '../../shared/contribution/write-grams.ts';
import { type FactoredGram, factorGram } from '../../shared/linalg/factored-gram.ts';
import { createGemm } from '../../shared/linalg/gemm.ts';
import { zeros } from '../../shared/linalg/matrix.ts';
import { createRandom, deriveSeed } from '../../shared/random.ts';
import { createRunContext } from '../../shared/runtime/run-context.ts';
import type { TensorToWrite } from '../../shared/safetensors/write-safetensors.ts';
import { sizeOf } from '../../shared/tensor.ts';
import { writeContributionFolder } from '../support/contribution-folder.ts';
import { mediansOfAlternating } from './support/alternate.ts';
import { againstTarget, printReport } from './support/report.ts';
import { startTorch } from './support/torch.ts';

const threads = 2;
const alpha = 0.9;
const hidden = 768;
const intermediate = 3072;
const vocabulary = 50_265;
const gramRows = 2_000;

/** Linear modules of one layer: name, inputs, outputs, and the module whose Gram they share. */
const linears = [
  ['attention.self.query', hidden, hidden, 'attention.self.query'],
  ['attention.self.key', hidden, hidden, 'attention.self.query'],
  ['attention.self.value', hidden, hidden, 'attention.self.query'],
  ['attention.output.dense', hidden, hidden, 'attention.output.dense'],
  ['intermediate.dense', hidden, intermediate, 'intermediate.dense'],
  ['output.dense', intermediate, hidden, 'output.dense'],
] as const;

/** Turns that count. */
const rounds = 3;

const config = (layers: number): object => ({
  ...{ model_type: 'roberta', vocab_size: vocabulary, hidden_size: hidden, num_hidden_layers: layers },
  ...{ num_attention_heads: 12, intermediate_size: intermediate, max_position_embeddings: 514 },
  ...{ type_vocab_size: 1, hidden_act: 'gelu', layer_norm_eps: 1e-5, pad_token_id: 1 },
});

/** How our merges differ. */
const ways = {
  grams: { method: 'regmean', alpha },
  factored: { method: 'regmean', alpha },
  weights: { method: 'regmean', covariance: 'weights' },
} as const;

type Way = keyof typeof ways;

interface MergeMeasurement {
  readonly seconds: number;
  /** Processor time of all threads. */
  readonly cpuSeconds: number;
  readonly peakBytes: number;
  readonly residual: number;
}

function uniform(length: number, seed: number): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from({ length }, () => random() - 0.5);
}

/** A model with random weights. */
async function writeModel(folder: string, layers: number, seed: number): Promise<void> {
  const tensors: TensorToWrite[] = [];
  const add = (name: string, ...shape: number[]): void => {
    const data = uniform(sizeOf(shape), deriveSeed(seed, name));
    tensors.push({ name: `roberta.${name}`, shape, data });
  };
  const addNorm = (name: string): void => {
    add(`${name}.weight`, hidden);
    add(`${name}.bias`, hidden);
  };
  add('embeddings.word_embeddings.weight', vocabulary, hidden);
  add('embeddings.position_embeddings.weight', 514, hidden);
  add('embeddings.token_type_embeddings.weight', 1, hidden);
  addNorm('embeddings.LayerNorm');
  for (let layer = 0; layer < layers; layer++) {
    const prefix = `encoder.layer.${layer}`;
    for (const [module, inputs, outputs] of linears) {
      add(`${prefix}.${module}.weight`, outputs, inputs);
      add(`${prefix}.${module}.bias`, outputs);
    }
    addNorm(`${prefix}.attention.output.LayerNorm`);
    addNorm(`${prefix}.output.LayerNorm`);
  }
  await writeContributionFolder(folder, { tensors, config: config(layers) });
}

/** Where the same contribution lies with factored Grams. */
function factoredFolder(folder: string): string {
  return `${folder}-factored`;
}

/**
 * A contribution with random weights, with dense Grams and with factored ones. One random Gram per
 * dimension serves all layers; PyTorch gets it square.
 */
async function writeAgent(folder: string, layers: number, seed: number): Promise<void> {
  await writeModel(folder, layers, seed);
  const packed = new Map<number, Float32Array>();
  const factors = new Map<number, FactoredGram>();
  const gemm = createGemm({ threads });
  for (const dimension of [hidden, intermediate]) {
    const square = await randomGram(dimension, seed);
    packed.set(dimension, packUpper(square, dimension));
    await writeFile(
      join(folder, `gram-${dimension}.f32`),
      Float32Array.from(square, (sum) => sum / gramRows),
    );
    const gram = { rows: dimension, columns: dimension, data: square };
    factors.set(dimension, await factorGram(gemm, 'random Gram', gram, defaultGramRank));
  }
  await gemm.dispose();
  const grams: GramToWrite[] = [];
  const factored: GramToWrite[] = [];
  const gramOfLayer = new Map<string, string>();
  for (let layer = 0; layer < layers; layer++) {
    const prefix = `roberta.encoder.layer.${layer}`;
    for (const [module, inputs, , shared] of linears) {
      const name = `${prefix}.${module}`;
      gramOfLayer.set(name, `${prefix}.${shared}`);
      const gram = packed.get(inputs);
      if (module === shared && gram !== undefined) {
        grams.push({ name, dimension: inputs, rows: gramRows, packed: gram });
        const factor = factors.get(inputs);
        if (factor !== undefined) factored.push({ name, dimension: inputs, rows: gramRows, ...factor });
      }
    }
  }
  await writeGrams(join(folder, gramsFile), grams, gramOfLayer);
  const other = factoredFolder(folder);
  await mkdir(other);
  for (const name of ['config.json', 'model.safetensors']) await link(join(folder, name), join(other, name));
  await writeGrams(join(other, gramsFile), factored, gramOfLayer);
}

async function randomGram(dimension: number, seed: number): Promise<Float64Array> {
  const rows = zeros(gramRows, dimension);
  rows.data.set(uniform(gramRows * dimension, seed));
  const gram = zeros(dimension, dimension);
  const gemm = createGemm({ threads });
  await gemm.accumulate(rows, rows, gram, { transA: true });
  await gemm.dispose();
  return gram.data;
}

/** One merge in this process, which does nothing else: its result goes to standard output. */
async function measureHere(way: Way, root: string, folders: readonly string[]): Promise<void> {
  const startedAt = performance.now();
  const context = createRunContext({ compute: { threads } });
  const options = { ...ways[way], base: join(root, 'base'), out: join(root, 'merged') };
  const own = way === 'factored' ? folders.map(factoredFolder) : folders;
  const report = await mergeContributions(own, options, context);
  const { user, system } = process.cpuUsage();
  const measurement: MergeMeasurement = {
    seconds: (performance.now() - startedAt) / 1000,
    cpuSeconds: (user + system) / 1e6,
    peakBytes: process.resourceUsage().maxRSS * 1024,
    residual: largestResidual(report),
  };
  process.stdout.write(JSON.stringify(measurement));
}

function measureInChild(way: Way, root: string, folders: readonly string[]): MergeMeasurement {
  const self = fileURLToPath(import.meta.url);
  const child = spawnSync(process.execPath, [self, '--here', way, root, ...folders], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return JSON.parse(child.stdout) as MergeMeasurement;
}

/** Our merges in turns: medians of their times, and the largest of everything else. */
async function compareOurs(root: string, folders: readonly string[]) {
  const worst = { peakBytes: 0, residual: 0 };
  const timed = (way: Way) => async () => {
    const { seconds, cpuSeconds, peakBytes, residual } = measureInChild(way, root, folders);
    worst.peakBytes = Math.max(worst.peakBytes, peakBytes);
    worst.residual = Math.max(worst.residual, residual);
    return { [way]: seconds, [`${way} cpu`]: cpuSeconds };
  };
  const median = await mediansOfAlternating(rounds, [timed('grams'), timed('factored'), timed('weights')]);
  return { median, worst };
}

async function compare(root: string, layers: number, folders: readonly string[]): Promise<void> {
  const modules = Object.fromEntries(
    Array.from({ length: layers }, (_, layer) =>
      linears.map(([module, inputs]) => [`roberta.encoder.layer.${layer}.${module}`, inputs] as const),
    ).flat(),
  );
  const settings = { threads, alpha, folders, modules, out: join(root, 'merged.pt') };
  const torch = await startTorch('merge.py', settings);
  const torchSeconds = await torch?.time('merge');
  torch?.close();
  const { median, worst } = await compareOurs(root, folders);
  const times = (way: Way): string =>
    `${median(way).toFixed(1)} s, ${median(`${way} cpu`).toFixed(1)} s of processor time`;
  const ratio = (way: Way, other: Way): string => (median(`${way} cpu`) / median(`${other} cpu`)).toFixed(2);
  printReport(`merging ${folders.length} agents, ${layers} layers of RoBERTa-base, alpha ${alpha}`, [
    ['regmean', times('grams')],
    ['regmean, Grams of rank 16', times('factored')],
    ['dense to these, processor time', ratio('grams', 'factored')],
    ['regmean, covariance weights', times('weights')],
    ['dense to these, processor time', ratio('grams', 'weights')],
    ['peak memory', `${(worst.peakBytes / 2 ** 20).toFixed(0)} MiB (target: flat in the number of agents)`],
    ['largest relative residual', `${worst.residual.toExponential(1)} (target: under 1e-9)`],
    ...(torchSeconds === undefined
      ? []
      : ([
          ['PyTorch', `${torchSeconds.toFixed(1)} s`],
          ['PyTorch to regmean', againstTarget(torchSeconds / median('grams'), 'at least 3')],
        ] as const)),
  ]);
}

async function main([layers = 12, ...counts]: readonly number[]): Promise<void> {
  const agentCounts = counts.length > 0 ? counts : [2, 4, 8];
  const root = await mkdtemp(join(tmpdir(), 'regmean-bench-merge-'));
  try {
    const folders: string[] = [];
    await writeModel(join(root, 'base'), layers, 1);
    for (const count of agentCounts.toSorted((a, b) => a - b)) {
      while (folders.length < count) {
        const folder = join(root, `agent-${folders.length}`);
        await writeAgent(folder, layers, 1000 * (folders.length + 1));
        folders.push(folder);
      }
      await compare(root, layers, folders.slice(0, count));
    }
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

const [mode, way, root, ...folders] = process.argv.slice(2);
if (mode === '--here' && root !== undefined) await measureHere(way as Way, root, folders);
else await main(process.argv.slice(2).map(Number));
