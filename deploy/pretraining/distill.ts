/**
 * @file Trains the small base model further, to have the hidden states of a larger one, averaged
 *   over words and sentences, beside the masked-LM loss: `npm run distill -- --teacher DIR --out
 *   DIR`. Some hours on two cores.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Tokenizer } from 'tokenizers';
import { adamWDefaults, createAdamW } from '../../agent/training/adamw.ts';
import { linearSchedule } from '../../agent/training/schedule.ts';
import { outliveReaders } from '../../shared/cli/closed-pipes.ts';
import { commandContext } from '../../shared/cli/command-context.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { requireGraphModel } from '../../shared/formats/model-format.ts';
import { withModel } from '../../shared/formats/open-model.ts';
import { type Model, saveModel } from '../../shared/models/model-folder.ts';
import { createRandom, deriveSeed } from '../../shared/random.ts';
import { type RunContext, stopIfAsked } from '../../shared/runtime/run-context.ts';
import type { RunTensor } from '../../shared/runtime/session.ts';
import { formatDuration } from '../../shared/text/amounts.ts';
import { findShippedBase } from '../shipped-base.ts';
import { pretrainingTexts } from './corpus.ts';
import { createImitationStep } from './imitation-step.ts';
import { maskTokens } from './mask-tokens.ts';
import {
  batches,
  batchSize,
  encodeTexts,
  maskedAccuracy,
  maxLength,
  seed,
  vocabulary,
} from './masked-batches.ts';
import { openTeacher, type SpannedText } from './teacher.ts';
import { poolingMatrix, type TokenOffsets, textSpansOf, tokensOfSpans } from './word-pooling.ts';

const peakLearningRate = 5e-4;
const warmupRatio = 0.06;
/** Weight of the distance against the masked-LM loss. */
const share = 4;
/** Words of a sequence that are compared; all of them would take twice the memory. */
const mostWords = 32;
const saveEverySteps = 200;

/** A sequence with what the teacher says of it. */
interface Lesson {
  readonly ids: Int32Array;
  /** Per span, the places of its tokens. */
  readonly tokens: readonly (readonly number[])[];
  /** [spans, hidden]. */
  readonly states: Float32Array;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      teacher: { type: 'string' },
      from: { type: 'string', default: findShippedBase('distillation') },
      out: { type: 'string' },
      epochs: { type: 'string', default: '3' },
      /** Takes only that many sequences, to try it. */
      sequences: { type: 'string', default: 'Infinity' },
    },
  });
  if (values.out === undefined || values.teacher === undefined) {
    throw new RegmeanError('usage', 'distill: --teacher DIR and --out DIR are required');
  }
  const { out, teacher, from } = values;
  const epochs = Number(values.epochs);
  const started = performance.now();
  const context = commandContext();
  await mkdir(out, { recursive: true });
  const texts = pretrainingTexts();
  const student = await withModel(from, async (base) => {
    const graphModel = requireGraphModel(base, () => 'a student has hidden states');
    return (await graphModel.load({ task: 'masked-lm', classes: [], headSeed: seed })).model;
  });
  const tokenizer = Tokenizer.fromFile(join(from, 'tokenizer.json'));
  tokenizer.setTruncation(maxLength);
  const train = texts.train.slice(0, Number(values.sequences));
  const { lessons, teacherSize } = await lessonsOf(train, { teacher, tokenizer }, context);
  const heldOut = await encodeTexts(tokenizer, texts.heldOut);
  const step = await createImitationStep(student, { teacherSize, share, seed }, context.compute);
  const optimizer = createAdamW(step, { ...adamWDefaults, beta2: 0.98 });
  const save = (model: Model): Promise<void> => saveModel(out, model, { dtype: 'F16', sideFilesFrom: from });

  const totalSteps = Math.ceil(lessons.length / batchSize) * epochs;
  const progress = context.progress({ label: 'distillation', total: totalSteps, unit: 'steps' });
  let steps = 0;
  let [masked, distance] = [Number.NaN, Number.NaN];
  const smooth = (average: number, value: number): number =>
    Number.isNaN(average) ? value : 0.98 * average + 0.02 * value;
  for (let epoch = 0; epoch < epochs; epoch++) {
    const random = createRandom(deriveSeed(seed, 'distillation', epoch));
    const order = createRandom(deriveSeed(seed, 'order of lessons', epoch));
    for (const batch of batches(lessons, ({ ids }) => ids.length, order)) {
      stopIfAsked(context, () => `distillation stopped at step ${steps}`);
      const losses = await step.run(feedsOf(batch, teacherSize, random));
      optimizer.step(linearSchedule(steps, { totalSteps, warmupRatio, peak: peakLearningRate }));
      masked = smooth(masked, losses.masked);
      distance = smooth(distance, losses.distance);
      steps++;
      progress.update(
        steps,
        `epoch ${epoch + 1}/${epochs} · masked ${masked.toFixed(3)} · distance ${distance.toFixed(3)}`,
      );
      if (steps % saveEverySteps === 0) await save(step.model);
    }
    const { accuracy, loss } = await maskedAccuracy(step.model, heldOut, context.compute);
    process.stdout.write(
      `epoch ${epoch + 1}: distance ${distance.toFixed(4)}, ` +
        `held-out masked accuracy ${accuracy.toFixed(4)}, loss ${loss.toFixed(4)}\n`,
    );
  }
  progress.finish();
  await save(step.model);
  await step.dispose();
  process.stdout.write(`${steps} steps in ${formatDuration((performance.now() - started) / 1000)}\n`);
}

/** Asks the teacher about every sequence; its states are standardised by feature. */
async function lessonsOf(
  texts: readonly string[],
  { teacher: folder, tokenizer }: { readonly teacher: string; readonly tokenizer: Tokenizer },
  context: RunContext,
): Promise<{ readonly lessons: readonly Lesson[]; readonly teacherSize: number }> {
  const teacher = await openTeacher(folder, 2 * maxLength, context.compute);
  const progress = context.progress({ label: 'teacher', total: texts.length, unit: 'sequences' });
  const lessons: Lesson[] = [];
  for (let start = 0; start < texts.length; start += batchSize) {
    stopIfAsked(context, () => `distillation stopped at sequence ${start}`);
    const part = texts
      .slice(start, start + batchSize)
      .map((text): SpannedText => ({ text, spans: textSpansOf(text, mostWords) }));
    const states = await teacher.statesOf(part);
    const encodings = await tokenizer.encodeBatch(part.map(({ text }) => text));
    for (const [index, encoding] of encodings.entries()) {
      lessons.push({
        ids: Int32Array.from(encoding.getIds()),
        tokens: tokensOfSpans(part[index]?.spans ?? [], encoding.getOffsets() as TokenOffsets),
        states: states[index] as Float32Array,
      });
    }
    progress.update(Math.min(texts.length, start + batchSize));
  }
  progress.finish();
  await teacher.dispose();
  standardise(lessons, teacher.hiddenSize);
  return { lessons, teacherSize: teacher.hiddenSize };
}

/** Gives every feature mean 0 and deviation 1 over all rows, in place. */
function standardise(lessons: readonly Lesson[], size: number): void {
  const sums = new Float64Array(size);
  const squares = new Float64Array(size);
  let rows = 0;
  for (const { states } of lessons) {
    rows += states.length / size;
    for (let at = 0; at < states.length; at++) {
      const value = states[at] as number;
      sums[at % size] = (sums[at % size] as number) + value;
      squares[at % size] = (squares[at % size] as number) + value * value;
    }
  }
  const means = sums.map((sum) => sum / rows);
  const scales = squares.map((sum, at) => 1 / Math.sqrt(sum / rows - (means[at] as number) ** 2 + 1e-12));
  for (const { states } of lessons) {
    for (let at = 0; at < states.length; at++) {
      const feature = at % size;
      states[at] = ((states[at] as number) - (means[feature] as number)) * (scales[feature] as number);
    }
  }
}

function feedsOf(batch: readonly Lesson[], size: number, random: () => number): Map<string, RunTensor> {
  const masked = maskTokens(
    batch.map(({ ids }) => ids),
    vocabulary,
    random,
  );
  const seq = masked.get('input_ids')?.shape[1] ?? 0;
  const pool = poolingMatrix(
    batch.map(({ tokens }) => tokens),
    seq,
  );
  const [count = 0, rows = 0] = pool.shape;
  const targets = new Float32Array(count * rows * size);
  const rowWeights = new Float32Array(count * rows);
  for (const [index, { states, tokens }] of batch.entries()) {
    targets.set(states, index * rows * size);
    for (const [row, places] of tokens.entries()) {
      const known = places.length > 0 && states[row * size] !== undefined;
      rowWeights[index * rows + row] = known ? 1 : 0;
    }
  }
  const total = rowWeights.reduce((sum, value) => sum + value, 0);
  rowWeights.set(rowWeights.map((value) => value / Math.max(1, total)));
  return new Map<string, RunTensor>([
    ...masked,
    ['pool', pool],
    ['targets', { shape: [count, rows, size], data: targets }],
    ['row_weights', { shape: [count, rows, 1], data: rowWeights }],
  ]);
}

outliveReaders();
await main();
