import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ignoredLabel, type TaskKind } from '../../shared/task.ts';
import { readTorchFixture } from './torch-fixture.ts';

/** The rows of a case of test/fixtures/torch as data files have them, without padding. */
export async function fixtureRows(name: string, task: TaskKind): Promise<object[]> {
  const { batches, folder: path } = await readTorchFixture(name);
  const { id2label = {} } = JSON.parse(await readFile(join(path, 'config.json'), 'utf8'));
  return batches.flatMap((batch) =>
    batch.input_ids.map((ids, row) => {
      const length = batch.attention_mask[row]?.filter((flag) => flag === 1).length ?? 0;
      const label = batch.labels[row];
      const tagged = () => ({ labels: (label as number[]).slice(0, length) });
      const labelled =
        {
          'token-classification': tagged,
          'causal-lm': tagged,
          text2text: () => ({ labels: (label as number[]).filter((id) => id !== ignoredLabel) }),
          'multi-label-classification': () => ({
            labels: (label as number[]).flatMap((flag, id) => (flag === 1 ? [id2label[id]] : [])),
          }),
          regression: () => ({ label }),
        }[task as 'regression'] ?? (() => ({ label: id2label[label as number] }));
      return {
        input_ids: ids.slice(0, length),
        ...(batch.token_type_ids === undefined
          ? {}
          : { token_type_ids: batch.token_type_ids[row]?.slice(0, length) }),
        ...labelled(),
      };
    }),
  );
}
