import type { RunTensor } from '../runtime/session.ts';
import { logitRowsOf, type TaskKind } from '../task.ts';
import type { Batch } from './example.ts';

/**
 * The feeds of a model graph (see model-graph.ts) for a batch: inputs [batch, seq], and labels
 * where there are any.
 */
export function batchFeeds(batch: Batch, task: TaskKind): ReadonlyMap<string, RunTensor> {
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
  if (batch.labels !== null) {
    feeds.set('labels', { shape: labelsShape(batch, task, batch.labels.length), data: batch.labels });
  }
  return feeds;
}

function labelsShape(batch: Batch, task: TaskKind, length: number): readonly number[] {
  if (logitRowsOf(task) !== 'sequence' || task === 'multi-label-classification') {
    return [batch.batchSize, length / batch.batchSize];
  }
  return [batch.batchSize];
}
