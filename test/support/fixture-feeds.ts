import type { RunTensor } from '../../shared/runtime/session.ts';
import { ignoredLabel, type TaskKind } from '../../shared/task.ts';
import { followingTokens } from '../../shared/tokenization/encode-targets.ts';
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
  if (batch.decoder_input_ids !== undefined) {
    const targetShape = [batch.decoder_input_ids.length, batch.decoder_input_ids[0]?.length ?? 0];
    const decoderInputIds = Int32Array.from(batch.decoder_input_ids.flat());
    feeds.set('decoder_input_ids', { shape: targetShape, data: decoderInputIds });
    return feeds.set('labels', { shape: targetShape, data: Int32Array.from(labels) });
  }
  if (task === 'causal-lm') {
    const following = batch.input_ids.flatMap((ids, row) => [
      ...followingTokens(Int32Array.from(ids), batch.labels[row] as number[]).ids,
    ]);
    return feeds.set('labels', { shape, data: Int32Array.from(following) });
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
