/**
 * @file The one walk over examples: planned, padded, stopped when asked, told in tokens. Whatever
 *   runs a model over data, for training, statistics or prediction, is a loop over this.
 */
import { type RunContext, stopIfAsked } from '../runtime/run-context.ts';
import type { TaskKind } from '../task.ts';
import { collate, type PaddingIds } from './collate.ts';
import type { Batch, EncodedExample } from './example.ts';

/** One pass over examples. */
export interface Pass {
  /** What is being done, for progress and for what is said when it is stopped: `predicting`. */
  readonly name: string;
  /** Positions of each batch's examples, by `planBatches` or `planEvaluationBatches`. */
  readonly plan: readonly (readonly number[])[];
  readonly task: TaskKind;
  /** What the model reads: how batches are filled up. */
  readonly inputs: PaddingIds;
  /** What progress counts; default `tokens`. */
  readonly unit?: 'tokens' | 'examples';
}

/**
 * The batches of a pass, in its order. How far it has come is told after each batch, once whoever
 * loops over them is done with it.
 *
 * @throws RegmeanError `interrupted` before the next batch when the context asks to stop;
 *   `invalid-input` when some examples of a batch have labels and others have none
 */
export async function* batchesOf(
  examples: readonly EncodedExample[],
  { name, plan, task, inputs, unit = 'tokens' }: Pass,
  context: Pick<RunContext, 'signal' | 'progress'>,
): AsyncGenerator<Batch, void, undefined> {
  const amountOf = (index: number): number =>
    unit === 'tokens' ? (examples[index]?.inputIds.length ?? 0) : 1;
  const total = plan.flat().reduce((sum, index) => sum + amountOf(index), 0);
  const progress = context.progress({ label: name, total, unit });
  let done = 0;
  for (const [number, indices] of plan.entries()) {
    stopIfAsked(context, () => `${name}: stopped at batch ${number + 1} of ${plan.length}`);
    const batch = collate(examples, indices, inputs, task);
    yield batch;
    done += unit === 'tokens' ? batch.tokens : batch.batchSize;
    progress.update(done);
    // Lets Ctrl-C in where batches are computed synchronously.
    await new Promise((resolve) => setImmediate(resolve));
  }
  progress.finish();
}

/** How a model is run over examples to learn what it says of them. */
export interface EvaluationOptions {
  readonly batchSize: number;
  /** What is being done, as people are told it; what the runner itself calls it when absent. */
  readonly name?: string;
}

/**
 * What a pass finds out of each example.
 *
 * @param run gives a result for each example of a batch, in the batch's order
 * @returns one result per example, in the order of `examples`
 */
export async function resultsOf<T>(
  examples: readonly EncodedExample[],
  pass: Pass,
  context: Pick<RunContext, 'signal' | 'progress'>,
  run: (batch: Batch) => readonly T[] | Promise<readonly T[]>,
): Promise<T[]> {
  const results: T[] = [];
  for await (const batch of batchesOf(examples, pass, context)) {
    const own = await run(batch);
    for (const [row, index] of batch.indices.entries()) results[index] = own[row] as T;
  }
  return results;
}
