import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import { readRows } from '../../../shared/data/read-rows.ts';
import { dataFile } from './data-files.ts';

const folder = join(import.meta.dirname, '../../fixtures/parquet');
const read = (name: string, labelled = true) => readRows([name], { task: 'text-classification', labelled });

/** The bytes of a fixture with those of a column made unreadable, in every row group. */
async function withBroken(column: string): Promise<string> {
  const bytes = await readFile(join(folder, 'none-pages1.parquet'));
  const slice = (start: number, end?: number) =>
    bytes.buffer.slice(
      bytes.byteOffset + start,
      end === undefined ? undefined : bytes.byteOffset + end,
    ) as ArrayBuffer;
  const file = {
    byteLength: bytes.length,
    slice: (start: number, end?: number) => slice(start, end ?? bytes.length),
  };
  const metadata = await parquetMetadataAsync(file);
  for (const { columns } of metadata.row_groups) {
    const own = columns.find(({ meta_data }) => meta_data?.path_in_schema[0] === column)?.meta_data;
    const start = Number(own?.dictionary_page_offset ?? own?.data_page_offset);
    bytes.fill(0xff, start, start + Number(own?.total_compressed_size));
  }
  const path = await dataFile('broken.parquet', bytes);
  // A test that broke nothing would show nothing.
  const broken = { byteLength: bytes.length, slice: file.slice };
  await expect(parquetReadObjects({ file: broken, columns: [column] })).rejects.toThrow();
  return path;
}

describe('Parquet as Arrow and pandas write it', () => {
  const labels = [1, 0, 1, 1, 0];

  it.each(['none', 'snappy', 'gzip', 'brotli', 'zstd', 'lz4'])('is read in the codec %s', async (codec) => {
    for (const pages of [1, 2]) {
      const rows = await read(join(folder, `${codec}-pages${pages}.parquet`));
      expect(rows).toHaveLength(40);
      expect(rows.map(({ label }) => label)).toEqual(rows.map((_, index) => labels[index % 5]));
      expect(rows[27]?.input).toEqual({ kind: 'text', text: 'größer, 語', textPair: null });
      expect(rows[39]?.source.row).toBe(40);
    }
  });

  it('is read in the LZ4 framing of Hadoop', async () => {
    const compressors = { LZ4: (bytes: Uint8Array) => hadoopBlock(bytes) };
    const columnData = [
      { name: 'text', data: ['one', 'two', 'three'], type: 'STRING' as const },
      { name: 'label', data: [1, 0, 1], type: 'INT32' as const },
    ];
    const bytes = new Uint8Array(parquetWriteBuffer({ columnData, codec: 'LZ4', compressors }));
    const rows = await read(await dataFile('rows.parquet', bytes));
    expect(rows.map(({ label }) => label)).toEqual([1, 0, 1]);
  });

  it('may hold columns of every kind beside those that are read', async () => {
    const rows = await read(join(folder, 'exotic.parquet'));
    expect(rows.map(({ input, label }) => [input.kind === 'text' && input.text, label])).toEqual([
      ['one text', 'true'],
      ['another', 'false'],
    ]);
  });

  it('may hold a frame with an index and a category', async () => {
    const [row] = await read(join(folder, 'pandas.parquet'));
    expect(row).toMatchObject({
      input: { kind: 'text', text: 'It rains.', textPair: 'It is wet.' },
      label: 'entailment',
    });
  });

  it('may hold a column that cannot be read, where no row needs it', async () => {
    expect(await read(await withBroken('idx'))).toHaveLength(40);
    expect(await read(await withBroken('label'), false)).toHaveLength(40);
    await expect(read(await withBroken('sentence'))).rejects.toThrow('cannot be read as Parquet');
    await expect(read(await withBroken('label'))).rejects.toThrow('cannot be read as Parquet');
  });

  it('is told from what Git LFS leaves in its place', async () => {
    const path = await dataFile('a.parquet', 'version https://git-lfs.github.com/spec/v1\nsize 5\n');
    await expect(read(path)).rejects.toThrow('a.parquet: must be the file of 5 bytes itself');
  });

  describe('with bytes that are not UTF-8', () => {
    const texts = ['good', 'größer', 'good', 'größer', 'größer', 'bad größe'];
    const label = { name: 'label', data: [1, 0, 1, 0, 1, 0], type: 'INT32' as const };

    /** A file whose texts have a byte of Latin-1 where `ö` stood. */
    const inLatin1 = async (
      name: string,
      encoding: 'PLAIN' | 'RLE_DICTIONARY',
      others: readonly object[],
    ) => {
      const columnData = [
        { name, data: texts, type: 'STRING' as const, encoding },
        ...others,
      ] as (typeof label)[];
      const bytes = Buffer.from(parquetWriteBuffer({ columnData, codec: 'UNCOMPRESSED', statistics: false }));
      let count = 0;
      for (let at = bytes.indexOf('ö'); at >= 0; at = bytes.indexOf('ö', at + 1)) {
        bytes.set([0xf6, 0x73], at);
        count++;
      }
      expect(count).toBe(encoding === 'PLAIN' ? 4 : 2);
      return dataFile('a.parquet', bytes);
    };

    it.each(['PLAIN', 'RLE_DICTIONARY'] as const)('names the rows, in the encoding %s', async (encoding) => {
      const path = await inLatin1('text', encoding, [label]);
      const problem = (at: number): string =>
        `text: must be UTF-8, got the byte 0xF6 at offset ${at} of the text`;
      const rows = [2, 4, 5].map((row) => `${path}, row ${row}: ${problem(2)}`);
      await expect(read(path)).rejects.toThrow(
        ['4 bad rows:', ...rows, `${path}, row 6: ${problem(6)}`].join('\n  '),
      );
    });

    it('does no harm in a column that rows are not read from', async () => {
      const path = await inLatin1('label', 'PLAIN', [
        { ...label, name: 'sentence', data: texts.map(() => 'good'), type: 'STRING' },
      ]);
      expect(await read(path, false)).toHaveLength(6);
      await expect(read(path)).rejects.toThrow('row 2: label: must be UTF-8, got the byte 0xF6 at offset 2');
    });
  });

  it('must not leave a text out unsaid', async () => {
    const columnData = [
      { name: 'text', data: ['one', 'two'], type: 'STRING' as const },
      { name: 'remark', data: ['longer remark here', 'of some words'], type: 'STRING' as const },
      { name: 'label', data: [1, 0], type: 'INT32' as const },
    ];
    const bytes = new Uint8Array(parquetWriteBuffer({ columnData }));
    await expect(read(await dataFile('a.parquet', bytes))).rejects.toThrow('column "remark"');
  });
});

/** A block of LZ4 with literals only, behind the sizes that Hadoop puts before it. */
function hadoopBlock(bytes: Uint8Array): Uint8Array {
  const lengths =
    bytes.length < 15
      ? []
      : [...Array(Math.floor((bytes.length - 15) / 255)).fill(255), (bytes.length - 15) % 255];
  const block = [Math.min(15, bytes.length) << 4, ...lengths, ...bytes];
  const sizes = Buffer.alloc(8);
  sizes.writeUInt32BE(bytes.length, 0);
  sizes.writeUInt32BE(block.length, 4);
  return Uint8Array.from([...sizes, ...block]);
}
