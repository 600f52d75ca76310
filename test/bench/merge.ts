/**
 * @file RegMean of models with the shapes of RoBERTa-base, from contributions on disk to a model on
 *   disk, beside the usual way in PyTorch, which holds everything in memory and inverts in float32.
 *   Each of our merges runs in a process of its own, for its peak memory. Usage: node
 *   dist/test/bench/merge.js [layers] [agents..]
 */
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mergeContributions } from '../../merger/merge/merge-contributions.ts';
import { largestResidual } from '../../merger/merge/merge-report.ts';
import { packUpper } from '../../shared/contribution/gram-packing.ts';
import { type GramToWrite, gramsFile, writeGrams } from '../../shared/contribution/write-grams.ts';
import { createGemm } from '../../shared/linalg/gemm.ts';
import { zeros } from '../../shared/linalg/matrix.ts';
import { createRandom } from '../../shared/random.ts';
import { createRunContext } from '../../shared/runtime/run-context.ts';
import type { TensorToWrite } from '../../shared/safetensors/write-safetensors.ts';
import { writeContributionFolder } from '../support/contribution-folder.ts';
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

interface MergeMeasurement {
  readonly seconds: number;
  readonly peakBytes: number;
  readonly residual: number;
}

function uniform(length: number, seed: number): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from({ length }, () => random() - 0.5);
}

/**
 * A contribution with random weights. One random Gram per dimension serves all layers; PyTorch gets
 * it square.
 */
async function writeAgent(folder: string, layers: number, seed: number): Promise<void> {
  const tensors: TensorToWrite[] = [
    {
      name: 'roberta.embeddings.word_embeddings.weight',
      shape: [vocabulary, hidden],
      data: uniform(vocabulary * hidden, seed),
    },
  ];
  const packed = new Map<number, Float32Array>();
  await mkdir(folder);
  for (const dimension of [hidden, intermediate]) {
    const square = await randomGram(dimension, seed);
    packed.set(dimension, packUpper(square, dimension));
    await writeFile(
      join(folder, `gram-${dimension}.f32`),
      Float32Array.from(square, (sum) => sum / gramRows),
    );
  }
  const grams: GramToWrite[] = [];
  const gramOfLayer = new Map<string, string>();
  for (let layer = 0; layer < layers; layer++) {
    const prefix = `roberta.encoder.layer.${layer}`;
    for (const [module, inputs, outputs, shared] of linears) {
      const name = `${prefix}.${module}`;
      const data = uniform(inputs * outputs, seed + layer);
      tensors.push({ name: `${name}.weight`, shape: [outputs, inputs], data });
      gramOfLayer.set(name, `${prefix}.${shared}`);
      const gram = packed.get(inputs);
      if (module === shared && gram !== undefined) {
        grams.push({ name, dimension: inputs, rows: gramRows, packed: gram });
      }
    }
  }
  await writeContributionFolder(folder, { tensors, config: { model_type: 'roberta' } });
  await writeGrams(join(folder, gramsFile), grams, gramOfLayer);
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
async function measureHere(out: string, folders: readonly string[]): Promise<void> {
  const startedAt = performance.now();
  const context = createRunContext({ compute: { threads } });
  const report = await mergeContributions(folders, { method: 'regmean', alpha, out }, context);
  const measurement: MergeMeasurement = {
    seconds: (performance.now() - startedAt) / 1000,
    peakBytes: process.resourceUsage().maxRSS * 1024,
    residual: largestResidual(report),
  };
  process.stdout.write(JSON.stringify(measurement));
}

function measureInChild(out: string, folders: readonly string[]): MergeMeasurement {
  const self = fileURLToPath(import.meta.url);
  const child = spawnSync(process.execPath, [self, '--here', out, ...folders], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return JSON.parse(child.stdout) as MergeMeasurement;
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
  const { seconds, peakBytes, residual } = measureInChild(join(root, 'merged'), folders);
  printReport(`merging ${folders.length} agents, ${layers} layers of RoBERTa-base, alpha ${alpha}`, [
    ['regmean', `${seconds.toFixed(1)} s`],
    ['peak memory', `${(peakBytes / 2 ** 20).toFixed(0)} MiB (target: flat in the number of agents)`],
    ['largest relative residual', `${residual.toExponential(1)} (target: under 1e-9)`],
    ...(torchSeconds === undefined
      ? []
      : ([
          ['PyTorch', `${torchSeconds.toFixed(1)} s`],
          ['PyTorch to regmean', againstTarget(torchSeconds / seconds, 'at least 3')],
        ] as const)),
  ]);
}

async function main([layers = 12, ...counts]: readonly number[]): Promise<void> {
  const agentCounts = counts.length > 0 ? counts : [2, 4, 8];
  const root = await mkdtemp(join(tmpdir(), 'regmean-bench-merge-'));
  try {
    const folders: string[] = [];
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

const [mode, out, ...folders] = process.argv.slice(2);
if (mode === '--here' && out !== undefined) await measureHere(out, folders);
else await main(process.argv.slice(2).map(Number));
