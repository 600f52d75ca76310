import type { RunTensor } from '../runtime/session.ts';
import { logitRowsOf, type TaskKind } from '../task.ts';
import type { Batch } from './example.ts';

/** What a model graph (see model-graph.ts) reads of a batch: inputs [batch, seq]. */
export function inputFeeds(batch: Batch): ReadonlyMap<string, RunTensor> {
  const shape = [batch.batchSize, batch.seqLength];
  const feeds = new Map<string, RunTensor>([
    ['input_ids', { shape, data: batch.inputIds }],
    ['attention_mask', { shape, data: batch.attentionMask }],
    ['token_type_ids', { shape, data: batch.tokenTypeIds }],
  ]);
  if (batch.decoder !== undefined) {
    const { targetLength, inputIds } = batch.decoder;
    feeds.set('decoder_input_ids', { shape: [batch.batchSize, targetLength], data: inputIds });
  }
  if (batch.features !== undefined) {
    const width = batch.features.length / batch.batchSize;
    feeds.set('features', { shape: [batch.batchSize, width], data: batch.features });
  }
  return feeds;
}

/** The same, and the labels where there are any. */
export function batchFeeds(batch: Batch, task: TaskKind): ReadonlyMap<string, RunTensor> {
  const inputs = inputFeeds(batch);
  if (batch.labels === null) return inputs;
  const shape = labelsShape(batch, task, batch.labels.length);
  return new Map([...inputs, ['labels', { shape, data: batch.labels }]]);
}

function labelsShape(batch: Batch, task: TaskKind, length: number): readonly number[] {
  if (logitRowsOf(task) !== 'sequence' || task === 'multi-label-classification') {
    return [batch.batchSize, length / batch.batchSize];
  }
  return [batch.batchSize];
}
