/**
 * @file One fine-tuning step (forward, backward, clipping, AdamW, dropout on) against PyTorch's.
 * Usage: node dist/test/bench/training-step.js [rounds]
 */
import { adamWDefaults, createAdamW } from '../../agent/training/adamw.ts';
import { createArena, fillArena } from '../../agent/training/parameter-arena.ts';
import { createLossAndGradients } from '../../agent/training/train-step.ts';
import { mediansOfAlternating, secondsOf, type Timed } from './support/alternate.ts';
import {
  type BenchEncoder,
  benchBatch,
  benchEncoders,
  benchModel,
  tokensPerBatch,
} from './support/encoders.ts';
import { againstTarget, printReport } from './support/report.ts';
import { startTorch } from './support/torch.ts';

const learningRate = 1e-5;

type Part = 'backward' | 'optimizer' | 'torch';

async function measure(encoder: BenchEncoder, rounds: number): Promise<void> {
  const { threads, batchSize, seqLength } = encoder.settings;
  const model = benchModel(encoder);
  const shapes = new Map([...model.weights].map(([name, tensor]) => [name, tensor.shape]));
  const parameters = createArena(shapes);
  const gradientArena = createArena(shapes);
  fillArena(parameters, model.weights);
  const optimizer = await createAdamW(parameters, gradientArena, adamWDefaults, threads);
  const backward = await createLossAndGradients(model, {
    parameters: parameters.tensors,
    gradientArena,
    dropoutSeed: 1,
    threads,
  });
  const batch = benchBatch(encoder);
  const torch = await startTorch('training_step.py', encoder.settings);

  const works: Timed<Part>[] = [
    async () => ({
      backward: await secondsOf(() => backward.run(batch)),
      optimizer: await secondsOf(() => optimizer.step(learningRate)),
    }),
  ];
  if (torch !== null) works.push(async () => ({ torch: await torch.time('step') }));
  const median = await mediansOfAlternating(rounds, works);
  await backward.dispose();
  await optimizer.dispose();
  torch?.close();

  const ours = median('backward') + median('optimizer');
  const share = (100 * median('optimizer')) / ours;
  printReport(`fine-tuning step, encoder ${encoder.name}, batch ${batchSize} x ${seqLength}`, [
    ['regmean', describeStep(ours)],
    ['optimizer', `${share.toFixed(1)} % of the step (target: at most 15 %)`],
    ...(torch === null
      ? []
      : ([
          ['PyTorch', describeStep(median('torch'))],
          ['ratio of tokens/s', againstTarget(median('torch') / ours, 'at least 2')],
        ] as const)),
  ]);
}

function describeStep(seconds: number): string {
  return `${Math.round(tokensPerBatch / seconds)} tokens/s, ${(1000 * seconds).toFixed(0)} ms`;
}

const rounds = Number(process.argv[2] ?? 5);
for (const encoder of benchEncoders) await measure(encoder, rounds);
