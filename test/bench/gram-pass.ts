/**
 * @file One pass that collects the Gram of every linear layer against a bare forward pass of the
 *   same model, beside what the same costs in PyTorch with forward hooks. Usage: node
 *   dist/test/bench/gram-pass.js [rounds]
 */

import { batchesPerDrain, createGramAccumulator } from '../../agent/statistics/gram-accumulator.ts';
import { createGramPass } from '../../agent/statistics/gram-graph.ts';
import { buildModelGraph } from '../../shared/models/model-graph.ts';
import { createSession } from '../../shared/runtime/session.ts';
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

type Part = 'forward' | 'grams' | 'drain' | 'torch forward' | 'torch grams';

async function measure(encoder: BenchEncoder, rounds: number): Promise<void> {
  const { threads, batchSize, seqLength } = encoder.settings;
  const model = benchModel(encoder);
  const built = buildModelGraph(model, { withLoss: false, dropoutSeed: null });
  built.graph.output('logits', built.logits);
  const forward = await createSession(built.graph, { threads });
  const pass = await createGramPass(model, model.weights, { threads });
  const accumulator = createGramAccumulator(pass.panels);
  const batch = benchBatch(encoder);
  const feeds = new Map([...model.weights, ...batch]);
  const tokenRows = Int32Array.from({ length: tokensPerBatch }, (_, row) => row);
  const torch = await startTorch('gram_pass.py', encoder.settings);

  const works: Timed<Part>[] = [
    async () => ({ forward: await secondsOf(() => forward.run(feeds)) }),
    async () => ({
      grams: await secondsOf(() => pass.run(batch, { tokens: tokenRows, targets: new Int32Array(0) })),
      drain: await secondsOf(async () => accumulator.drain()),
    }),
  ];
  if (torch !== null) {
    works.push(async () => ({ 'torch forward': await torch.time('forward') }));
    works.push(async () => ({ 'torch grams': await torch.time('grams') }));
  }
  const median = await mediansOfAlternating(rounds, works);
  await forward.dispose();
  await pass.dispose();
  torch?.close();

  const grams = median('grams') + median('drain') / batchesPerDrain;
  printReport(`collecting every Gram, encoder ${encoder.name}, batch ${batchSize} x ${seqLength}`, [
    ['regmean, forward', milliseconds(median('forward'))],
    ['regmean, with Grams', milliseconds(grams)],
    ['ratio', againstTarget(grams / median('forward'), 'at most 1.7')],
    ...(torch === null
      ? []
      : ([
          ['PyTorch, forward', milliseconds(median('torch forward'))],
          ['PyTorch, with hooks', milliseconds(median('torch grams'))],
          ['ratio of PyTorch', (median('torch grams') / median('torch forward')).toFixed(2)],
          ['PyTorch to regmean, with Grams', (median('torch grams') / grams).toFixed(2)],
        ] as const)),
  ]);
}

function milliseconds(seconds: number): string {
  return `${(1000 * seconds).toFixed(0)} ms`;
}

const rounds = Number(process.argv[2] ?? 7);
for (const encoder of benchEncoders) await measure(encoder, rounds);
