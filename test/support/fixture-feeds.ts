import type { RunTensor } from '../../shared/runtime/session.ts';
import { ignoredLabel, type TaskKind } from '../../shared/task.ts';
import type { FixtureBatch } from './torch-fixture.ts';

/** A fixture's batch as the model's graph is fed: see `ModelGraph`. */
export function feedsOf(task: TaskKind, batch: FixtureBatch): Map<string, RunTensor> {
  const shape = [batch.input_ids.length, batch.input_ids[0]?.length ?? 0];
  const integers = (rows: readonly number[][]): RunTensor => ({ shape, data: Int32Array.from(rows.flat()) });
  const zeros = batch.input_ids.map((row) => row.map(() => 0));
  const labels = batch.labels.flat();
  const feeds = new Map<string, RunTensor>([
    ['input_ids', integers(batch.input_ids)],
    ['attention_mask', integers(batch.attention_mask)],
    ['token_type_ids', integers(batch.token_type_ids ?? zeros)],
  ]);
  if (task === 'masked-lm') {
    const positions = labelledPositions(batch);
    feeds.set('masked_positions', { shape: [positions.length], data: Int32Array.from(positions) });
    const masked = Int32Array.from(positions, (position) => labels[position] ?? ignoredLabel);
    return feeds.set('labels', { shape: [positions.length], data: masked });
  }
  if (task === 'text-classification' || task === 'token-classification') {
    const labelShape = task === 'text-classification' ? [labels.length] : shape;
    return feeds.set('labels', { shape: labelShape, data: Int32Array.from(labels) });
  }
  const labelShape =
    task === 'regression' ? [labels.length] : [shape[0] ?? 0, labels.length / (shape[0] ?? 1)];
  return feeds.set('labels', { shape: labelShape, data: Float32Array.from(labels) });
}

/** Rows of the flattened batch that carry a label. */
export function labelledPositions(batch: FixtureBatch): number[] {
  return batch.labels.flat().flatMap((label, position) => (label === ignoredLabel ? [] : [position]));
}
