import { writeFile } from 'node:fs/promises';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { expect, it } from 'vitest';
import { readData } from '../../../shared/data/read-rows.ts';
import { sha256OfFile } from '../../../shared/files/checksum.ts';
import { dataFile } from './data-files.ts';

const purpose = { task: 'text-classification', labelled: true } as const;
const row = '{"text": "one", "label": "warm"}\n';

it.each([
  ['rows.jsonl', row],
  ['rows.csv', 'text,label\none,warm\n'],
  ['rows.tsv', 'text\tlabel\none\twarm'],
  ['marked.jsonl', `\uFEFF${row}\n`],
])('the digest of %s is of the bytes that its rows are from', async (name, content) => {
  const file = await dataFile(name, content);
  const digest = await sha256OfFile(file);
  const { digests } = await readData([file], purpose);
  await writeFile(file, 'something else by now');
  expect(await digests()).toEqual([digest]);
});

it('the digest of a Parquet file is of all its bytes', async () => {
  const columnData = [
    { name: 'text', data: ['one'] },
    { name: 'label', data: ['warm'] },
  ];
  const file = await dataFile('rows.parquet', new Uint8Array(parquetWriteBuffer({ columnData })));
  const { digests } = await readData([file], purpose);
  expect(await digests()).toEqual([await sha256OfFile(file)]);
});
