/**
 * @file One fine-tuning step (forward, backward, clipping, AdamW, dropout on) against PyTorch's.
 * Usage: node dist/test/bench/training-step.js [rounds]
 */
import { mediansOfAlternating, type Timed } from './support/alternate.ts';
import {
  type BenchEncoder,
  benchBatch,
  benchEncoders,
  benchModel,
  tokensPerBatch,
} from './support/encoders.ts';
import { againstTarget, printReport } from './support/report.ts';
import { startTorch } from './support/torch.ts';
import { startTraining } from './support/training-side.ts';

type Part = 'backward' | 'optimizer' | 'torch';

async function measure(encoder: BenchEncoder, rounds: number): Promise<void> {
  const { threads, batchSize, seqLength } = encoder.settings;
  const model = benchModel(encoder);
  const training = await startTraining(model, { dropoutSeed: 1 }, { threads });
  const batch = benchBatch(encoder);
  const torch = await startTorch('training_step.py', encoder.settings);

  const works: Timed<Part>[] = [() => training.step(batch)];
  if (torch !== null) works.push(async () => ({ torch: await torch.time('step') }));
  const median = await mediansOfAlternating(rounds, works);
  await training.dispose();
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
