/**
 * @file The walk over examples whose log-likelihood is differentiated: for every example, or batch,
 *   the cotangents of the logits that the gradients begin from.
 */
import type { FisherOptions } from '../../shared/contribution/fisher.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { batchesOf } from '../../shared/examples/batches-of.ts';
import { targetLengthOf } from '../../shared/examples/collate.ts';
import type { Batch, EncodedExample } from '../../shared/examples/example.ts';
import { inputFeeds } from '../../shared/examples/feeds.ts';
import { lengthsOf, planBatches } from '../../shared/examples/plan-batches.ts';
import { createPredictor } from '../../shared/inference/predictor.ts';
import type { Model } from '../../shared/models/model-folder.ts';
import { createRandom, deriveSeed, shuffle } from '../../shared/random.ts';
import { type RunContext, withoutProgress } from '../../shared/runtime/run-context.ts';
import type { RunTensor } from '../../shared/runtime/session.ts';
import { logitRowsOf, type TaskKind } from '../../shared/task.ts';
import { countedTokenRows, fisherCotangents } from './fisher-cotangents.ts';

/** How the pass walks over the data. */
export interface FisherPassOptions extends FisherOptions {
  /** Examples per batch, for the reduction `batch`. */
  readonly batchSize: number;
  readonly seed: number;
}

/** What is collected, in words. */
export interface FisherWalkNames {
  /** What is being done. */
  readonly activity: string;
  /** The flag that asked for it. */
  readonly flag: string;
}

/** Differentiates, from a cotangent of the logits on, and sums what is collected. */
export interface CotangentPass {
  /** Adds what J^T cotangent gives for a batch. `cotangent`: of the shape of the logits. */
  add(feeds: ReadonlyMap<string, RunTensor>, cotangent: Float32Array): Promise<void>;
  dispose(): Promise<void>;
}

/** A pass that has been over the data. */
export interface WalkedPass<Pass> {
  /** It is disposed of: its sums can be read, and nothing added. */
  readonly pass: Pass;
  readonly examples: number;
  /** What sums are divided by: examples, or batches. */
  readonly terms: number;
}

/**
 * Gives a pass the cotangents of every example, whose gradients' products sum to the expectation
 * over labels; or of every batch. Dropout is off.
 *
 * @throws RegmeanError `usage` for a variant that the task or the data cannot have
 */
export async function walkCotangents<Pass extends CotangentPass>(
  createPass: () => Promise<Pass>,
  model: Model,
  examples: readonly EncodedExample[],
  options: FisherPassOptions,
  { activity, flag }: FisherWalkNames,
  context: RunContext,
): Promise<WalkedPass<Pass>> {
  checkVariant(flag, model, examples, options);
  const { task } = model;
  const { inputs } = model.config;
  const plan = planOf(examples, options, inputs.equalLengths);
  const walk = { name: activity, plan, task, inputs, unit: 'examples' } as const;
  const count = plan.flat().length;
  const predictor = await createPredictor(model, model.weights, context.compute);
  const pass = await createPass();
  const random = createRandom(deriveSeed(options.seed, 'fisher', 'labels'));
  const alone = withoutProgress(context);
  try {
    for await (const batch of batchesOf(examples, walk, context)) {
      const chosen = batch.indices.map((index) => examples[index] as EncodedExample);
      const logits = await predictor.predict(chosen, { batchSize: batch.batchSize }, alone);
      const perExample = chosen.map((example, row) =>
        fisherCotangents(
          {
            task: model.task,
            logits: logits[row] as Float32Array,
            labelCount: predictor.outputs,
            labels: example.labels,
            tokenRows: tokenRowsOf(model.task, example),
          },
          options.variant,
          random,
        ),
      );
      const feeds = inputFeeds(batch);
      const cotangents =
        options.reduction === 'batch'
          ? [ofMeanLoss(model.task, predictor.outputs, chosen, perExample, batch)]
          : (perExample[0] ?? []);
      for (const cotangent of cotangents) await pass.add(feeds, cotangent);
    }
  } finally {
    await predictor.dispose();
    await pass.dispose();
  }
  return { pass, examples: count, terms: options.reduction === 'batch' ? plan.length : count };
}

/** Batches of one example, in random order; or of `batchSize`, planned as for training. */
function planOf(
  examples: readonly EncodedExample[],
  options: FisherPassOptions,
  equalLengths: boolean | undefined,
): number[][] {
  if (options.reduction === 'example') {
    const order = shuffle([...examples.keys()], createRandom(deriveSeed(options.seed, 'fisher')));
    return order.slice(0, options.examples).map((index) => [index]);
  }
  const { batchSize, seed } = options;
  return planBatches(lengthsOf(examples), { batchSize, seed, epoch: 0, equalLengths })
    .slice(0, Math.ceil(options.examples / batchSize))
    .map((indices) => [...indices]);
}

/**
 * The cotangent of a batch's mean loss: over rows, labelled tokens, or label entries; twice that
 * for squared errors.
 */
function ofMeanLoss(
  task: TaskKind,
  outputs: number,
  examples: readonly EncodedExample[],
  cotangents: readonly Float32Array[][],
  batch: Batch,
): Float32Array {
  const rows = { sequence: 1, token: batch.seqLength, target: batch.decoder?.targetLength ?? 0, masked: 0 };
  const perExample = rows[logitRowsOf(task)] * outputs;
  const all = new Float32Array(examples.length * perExample);
  let terms = 0;
  for (const [row, example] of examples.entries()) {
    const own = cotangents[row]?.[0] ?? new Float32Array(0);
    all.set(own, row * perExample);
    if (logitRowsOf(task) !== 'sequence') terms += tokenRowsOf(task, example).length;
    else terms += task === 'multi-label-classification' ? outputs : 1;
  }
  const scale = (task === 'regression' ? 2 : 1) / Math.max(1, terms);
  return all.map((value) => value * scale);
}

/** The rows of an example's logits that count, of tasks that have a row per token. */
function tokenRowsOf(task: TaskKind, example: EncodedExample): readonly number[] {
  const length = task === 'text2text' ? targetLengthOf(example) : example.inputIds.length;
  return countedTokenRows(example.labels, example.wordPositions, length);
}

function checkVariant(
  flag: string,
  { task }: Model,
  examples: readonly EncodedExample[],
  { variant, reduction }: FisherOptions,
): void {
  const unlabelled = examples.find(({ labels }) => labels === null);
  if (variant === 'empirical' && unlabelled !== undefined) {
    const { file, row } = unlabelled.source;
    throw new RegmeanError('usage', `${flag} empirical: needs labels, ${file}, row ${row} has none`, {
      hint: 'hard and soft take the labels from the model',
    });
  }
  if (variant === 'hard' && task === 'regression') {
    throw new RegmeanError('usage', `${flag} hard: is zero for regression, where the model is its own mode`, {
      hint: 'use empirical or soft',
    });
  }
  if (variant === 'soft' && reduction === 'batch') {
    throw new RegmeanError('usage', `${flag} soft: an expectation over labels needs the reduction example`);
  }
}
