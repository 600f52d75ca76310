import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeRows } from '../support/tiny-model.ts';
import { readTorchFixture, type TorchFixture } from '../support/torch-fixture.ts';
import { runCommand } from '../support/wire-process.ts';
import '../support/allclose.ts';

/** A line that `regmean predict` writes. */
interface PredictedRow {
  readonly logits: number[] | number[][];
  readonly label?: string;
  readonly labels?: (string | null)[];
  readonly value?: number;
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-predict-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/**
 * The rows of a fixture without their padding, and the logits that PyTorch computes for their
 * tokens.
 */
function rowsOf({ batches, expected }: TorchFixture, perToken: boolean) {
  return batches.flatMap((batch, number) => {
    const logits = expected.get(`logits.${number}`);
    const seq = batch.input_ids[0]?.length ?? 0;
    const perRow = (logits?.data.length ?? 0) / batch.input_ids.length;
    return batch.input_ids.map((ids, row) => {
      const length = (batch.attention_mask[row] ?? []).filter((flag) => flag === 1).length;
      const types = batch.token_type_ids?.[row]?.slice(0, length);
      const start = row * perRow;
      return {
        row: { input_ids: ids.slice(0, length), ...(types === undefined ? {} : { token_type_ids: types }) },
        logits: logits?.data.slice(start, start + (perToken ? (perRow / seq) * length : perRow)) ?? [],
      };
    });
  });
}

function labelsOf(config: unknown): string[] {
  return Object.values((config as { id2label: Record<string, string> }).id2label);
}

const argmax = (values: readonly number[]): number => values.indexOf(Math.max(...values));

describe('regmean predict on rows of input_ids, without a tokenizer', () => {
  it.each([
    ['bert', 'text-classification'],
    ['bert', 'multi-label-classification'],
    ['bert', 'regression'],
    ['roberta', 'text-classification'],
    ['roberta', 'token-classification'],
    ['distilbert', 'text-classification'],
    ['distilbert', 'token-classification'],
    ['deberta-v2', 'token-classification'],
  ] as const)(
    'writes the logits of PyTorch, and the labels of config.json, for %s %s',
    async (family, task) => {
      const fixture = await readTorchFixture(`${family}-${task}`);
      const labels = labelsOf(JSON.parse(await readFile(join(fixture.folder, 'config.json'), 'utf8')));
      const rows = rowsOf(fixture, task === 'token-classification');
      expect(new Set(rows.map(({ row }) => row.input_ids.length)).size).toBeGreaterThan(1);
      const data = await writeRows(
        join(folder, `${family}-${task}.jsonl`),
        rows.map(({ row }) => row),
      );
      const out = join(folder, 'out', `${family}-${task}.jsonl`);
      const { code, stdout, stderr } = await runCommand([
        ...['predict', '--model', fixture.folder, '--task', task, '--data', data],
        ...['--out', out, '--batch-size', '3', '--threads', '1'],
      ]);
      expect({ code, stdout }, stderr).toEqual({ code: 0, stdout: '' });
      expect(stderr).toContain(`${rows.length} rows written to ${out}`);

      const lines = (await readFile(out, 'utf8')).trimEnd().split('\n');
      expect(lines).toHaveLength(rows.length);
      for (const [index, line] of lines.entries()) {
        const predicted = JSON.parse(line) as PredictedRow;
        const expected = rows[index]?.logits ?? [];
        const flat = predicted.logits.flat();
        expect({ shape: [flat.length], data: flat }).toBeAllclose(
          { shape: [expected.length], data: expected },
          { rtol: 1e-5, atol: 1e-6, name: `logits of row ${index + 1}` },
        );
        switch (task) {
          case 'text-classification':
            expect(predicted.label).toBe(labels[argmax(flat)]);
            break;
          case 'multi-label-classification':
            expect(predicted.labels).toEqual(labels.filter((_, id) => Number(flat[id]) > 0));
            break;
          case 'regression':
            expect(predicted.value).toBe(flat[0]);
            break;
          case 'token-classification':
            expect(predicted.labels).toEqual(
              (predicted.logits as number[][]).map((own) => labels[argmax(own)]),
            );
        }
      }
    },
  );
});
