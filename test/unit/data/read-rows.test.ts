import { gzipSync } from 'node:zlib';
import type { SchemaElement } from 'hyparquet';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import { readRows } from '../../../shared/data/read-rows.ts';
import type { TaskKind } from '../../../shared/task.ts';
import { dataFile } from './data-files.ts';

const read = async (
  name: string,
  content: string | Uint8Array,
  task: TaskKind = 'text-classification',
  labelled = true,
) => readRows([await dataFile(name, content)], { task, labelled });
const text = (value: string, textPair: string | null = null) => ({ kind: 'text', text: value, textPair });

describe('JSON Lines', () => {
  it('reads texts, pairs and labels with the line each row stands on', async () => {
    const rows = await read(
      'rows.jsonl',
      '{"text": "one", "label": "pos"}\n\n{"sentence1": "two", "sentence2": "three", "label": 1}\n',
    );
    expect(rows.map(({ input }) => input)).toEqual([text('one'), text('two', 'three')]);
    expect(rows.map(({ label }) => label)).toEqual(['pos', 1]);
    expect(rows.map(({ source }) => source.row)).toEqual([1, 3]);
  });

  it('reads through a byte order mark, CRLF line ends, U+2028 inside a string and a missing last line end', async () => {
    const rows = await read(
      'rows.json',
      '\uFEFF{"text": "a\u2028b", "label": "x"}\r\n{"text": "ü", "label": "y"}',
    );
    expect(rows.map(({ input }) => input)).toEqual([text('a\u2028b'), text('ü')]);
  });

  it('reads lines longer than one chunk and characters that straddle chunks', async () => {
    const long = 'é'.repeat(1_500_000);
    const rows = await read('rows.jsonl', `{"text": "x${long}", "label": 0}\n{"text": "y", "label": 1}\n`);
    expect(rows.map(({ input }) => (input.kind === 'text' ? input.text.length : 0))).toEqual([1_500_001, 1]);
  });

  it('leaves labels alone when rows need none', async () => {
    const rows = await read(
      'rows.jsonl',
      '{"text": "a"}\n{"text": "b", "label": {}}\n',
      'text-classification',
      false,
    );
    expect(rows.map(({ label }) => label)).toEqual([null, null]);
  });

  it('names every bad row, ten of them, and the count', async () => {
    const bad = Array.from({ length: 11 }, (_, index) => `{"text": ${index}, "label": "x"}`);
    const content = ['{"text": "good", "label": "x"}', '{"text": "cut', ...bad].join('\n');
    const error = await read('rows.jsonl', content).catch(String);
    expect(error).toContain('12 bad rows:');
    expect(error).toMatch(/rows\.jsonl, row 2: not valid JSON: /);
    expect(error).toContain('rows.jsonl, row 3: text: must be a string, got 0');
    expect(error).toContain('rows.jsonl, row 11: ');
    expect(error).not.toContain('rows.jsonl, row 12: ');
    expect(error).toContain('and 2 more');
  });

  it.each([
    ['{"label": "x"}', 'row 1: needs a column "text", "sentence", "sentence1" or "input_ids", got "label"'],
    ['{"text": "a"}', 'row 1: needs a column "label" or "labels", got "text"'],
    ['{"text": "a", "label": null}', 'row 1: needs a column "label" or "labels", got "text"'],
    ['{"text": "a", "label": 1.5}', 'row 1: label: must be a class name or index, got 1.5'],
    ['{"text": "a", "label": ""}', 'row 1: label: must be a class name or index, got ""'],
    ['{"text": "a", "text_pair": 3, "label": 1}', 'row 1: text_pair: must be a string, got 3'],
    ['"a"', 'row 1: must be a JSON object, got "a"'],
    ['[{"text": "a", "label": 1}]', 'must hold one JSON object a line, got a JSON array'],
  ])('rejects %s', async (line, message) => {
    await expect(read('rows.jsonl', line)).rejects.toThrow(message);
  });

  it('rejects text that is not UTF-8', async () => {
    const latin1 = Buffer.from('{"text": "ok", "label": 1}\n{"text": "caf\u00e9", "label": 1}\n', 'latin1');
    await expect(read('rows.jsonl', latin1)).rejects.toThrow(
      'rows.jsonl: must be UTF-8, got the byte 0xE9 at offset 40 (line 2)',
    );
    const csv = Buffer.from('text,label\ncaf\u00e9,1\n', 'latin1');
    await expect(read('rows.csv', csv)).rejects.toThrow(
      'rows.csv: must be UTF-8, got the byte 0xE9 at offset 14 (line 2)',
    );
  });

  it.each([
    ['with a byte order mark', Buffer.from('\uFEFFtext,label\na,1\n', 'utf16le')],
    ['with the other byte order', Buffer.from('\uFEFFtext,label\na,1\n', 'utf16le').swap16()],
    ['without a mark', Buffer.from('text,label\na,1\n', 'utf16le')],
  ])('says that a text is UTF-16, %s', async (_, bytes) => {
    await expect(read('rows.csv', bytes)).rejects.toThrow('rows.csv: must be UTF-8, is UTF-16');
  });

  it('says that a file is a pointer of Git LFS', async () => {
    const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 438000000\n';
    for (const name of ['rows.jsonl', 'rows.csv']) {
      const error = await read(name, pointer).catch((caught: unknown) => caught);
      expect(String(error)).toContain(`${name}: must be the file of 438000000 bytes itself, got a pointer`);
      expect(error).toMatchObject({ hint: expect.stringContaining('git lfs pull') });
    }
  });
});

describe('rows of input_ids', () => {
  it('carry their own token types, mask and labels', async () => {
    const [row] = await read(
      'rows.jsonl',
      '{"input_ids": [2, 5, 3], "token_type_ids": [0, 0, 1], "attention_mask": [1, 1, 0], "labels": [-100, 4, -100]}',
      'token-classification',
    );
    expect(row?.input).toEqual({
      kind: 'ids',
      inputIds: [2, 5, 3],
      tokenTypeIds: [0, 0, 1],
      attentionMask: [1, 1, 0],
    });
    expect(row?.label).toEqual([-100, 4, -100]);
  });

  it('may have truth values for a mask, and integers that are written as floats', async () => {
    const line = '{"input_ids": [2.0, 5.0, 3.0], "attention_mask": [true, true, false], "labels": [1, 1, 1]}';
    const [row] = await read('rows.jsonl', line, 'token-classification');
    expect(row?.input).toMatchObject({ inputIds: [2, 5, 3], attentionMask: [1, 1, 0] });
  });

  it.each([
    ['{"input_ids": [[2, 5]], "labels": [1]}', 'input_ids: must hold integers from 0 up, got [2,5]'],
    ['{"input_ids": [2, 5.5], "labels": [1, 1]}', 'input_ids: must hold integers from 0 up, got 5.5'],
    [
      '{"input_ids": [2, 5], "token_type_ids": [0, -1], "labels": [1, 1]}',
      'token_type_ids: must hold integers from 0 up, got -1',
    ],
    ['{"input_ids": [], "labels": []}', 'input_ids: must not be empty'],
    ['{"input_ids": [1, -2], "labels": [1, 1]}', 'input_ids: must hold integers from 0 up, got -2'],
    [
      '{"input_ids": [1, 2], "attention_mask": [1], "labels": [1, 1]}',
      'attention_mask: must be as many as input_ids (2), got 1',
    ],
    [
      '{"input_ids": [1, 2], "attention_mask": [1, 2], "labels": [1, 1]}',
      'attention_mask: must hold 0 and 1 only',
    ],
    [
      '{"input_ids": [1, 2], "attention_mask": [0, 0], "labels": [1, 1]}',
      'attention_mask: must let at least one token through',
    ],
    ['{"input_ids": [1, 2], "labels": [1]}', 'labels: must be as many as input_ids (2), got 1'],
    ['{"input_ids": "1 2", "labels": [1]}', 'input_ids: must be a list (in CSV: a JSON array), got "1 2"'],
  ])('rejects %s', async (line, message) => {
    await expect(read('rows.jsonl', line, 'token-classification')).rejects.toThrow(message);
  });
});

describe('rows of numbers', () => {
  const line = '{"text": "a", "features": [0.5, -1e3, 2], "label": "yes"}';
  const inputOf = async (content: string, reads: 'text' | 'features' | 'any', name = 'rows.jsonl') => {
    const file = await dataFile(name, content);
    const [row] = await readRows([file], { task: 'text-classification', labelled: true, reads });
    return row?.input;
  };

  it('are read for a network that reads numbers, whatever else a row holds', async () => {
    const features = { kind: 'features', features: [0.5, -1000, 2] };
    expect(await inputOf(line, 'features')).toEqual(features);
    expect(await inputOf('features,label\n"[0.5, -1000, 2]",yes\n', 'features', 'rows.csv')).toEqual(
      features,
    );
    expect(await inputOf(line.replace('"text": "a", ', ''), 'any')).toEqual(features);
  });

  it('are not looked at for a model that reads text', async () => {
    const text = { kind: 'text', text: 'a', textPair: null };
    expect(await inputOf(line, 'text')).toEqual(text);
    expect(await inputOf(line, 'any')).toEqual(text);
    await expect(inputOf('{"features": [1], "label": "yes"}', 'text')).rejects.toThrow(
      'needs a column "text", "sentence", "sentence1" or "input_ids", got "features", "label"',
    );
  });

  it('reject what is no number', async () => {
    await expect(inputOf('{"features": [1, "2"], "label": "yes"}', 'features')).rejects.toThrow(
      'features: must hold finite numbers, got "2"',
    );
    await expect(inputOf('{"features": 3, "label": "yes"}', 'features')).rejects.toThrow(
      'features: must be a list (in CSV: a JSON array), got 3',
    );
  });
});

describe('regression labels', () => {
  it('are numbers, also as CSV text', async () => {
    const rows = await read('rows.csv', 'sentence1,sentence2,label\na,b,3.25\nc,d,-1e-2\n', 'regression');
    expect(rows.map(({ label }) => label)).toEqual([3.25, -0.01]);
  });

  it.each(['nan', 'NaN', 'inf', 'high', '', '1e39'])('reject %o', async (label) => {
    await expect(read('rows.csv', `text,label\na,${label}\n`, 'regression')).rejects.toThrow(
      `row 2: label: must be a finite number, got "${label}"`,
    );
  });

  it('reject NaN as Python writes it into JSON', async () => {
    await expect(read('rows.jsonl', '{"text": "a", "label": NaN}', 'regression')).rejects.toThrow(
      'not valid JSON',
    );
  });
});

describe('CSV and TSV', () => {
  it('reads quoted fields with commas, quotes and line ends, and counts lines, not records', async () => {
    const rows = await read('rows.csv', '\uFEFFtext,label\r\n"a, ""b""\nc",pos\r\n\r\nd,1\r\n');
    expect(rows.map(({ input }) => input)).toEqual([text('a, "b"\nc'), text('d')]);
    expect(rows.map(({ label }) => label)).toEqual(['pos', '1']);
  });

  it.each([
    [';', 'text;label\na, b;pos\n"c; ""d""";neg\n'],
    ['\t', 'text\tlabel\na, b\tpos\n"c; ""d"""\tneg\n'],
    ['|', '\ntext|label\na, b|pos\n"c; ""d"""|neg\n'],
    [',', 'text,label\n"a, b",pos\n"c; ""d""",neg\n'],
    [',', 'text,label,a;b;c\n"a, b",pos,1\n"c; ""d""",neg,1\n'],
    [';', '"text";"label";"x,y,z,w"\na, b;pos;1\n"c; ""d""";neg;1\n'],
  ])('reads fields between %j, as the header has them', async (_, content) => {
    const rows = await read('rows.csv', content);
    expect(rows.map(({ input }) => input)).toEqual([text('a, b'), text('c; "d"')]);
    expect(rows.map(({ label }) => label)).toEqual(['pos', 'neg']);
  });

  it('names the columns between the delimiters that occur most', async () => {
    await expect(read('rows.csv', 'body;stars\na, b;1\n')).rejects.toThrow('got "body", "stars"');
    await expect(read('rows.csv', 'text\na; b\n')).rejects.toThrow('needs a column "label" or "labels"');
    expect(await read('rows.csv', 'text\na; b\n', 'text-classification', false)).toHaveLength(1);
  });

  it('takes quotes in TSV literally', async () => {
    const rows = await read('rows.tsv', 'sentence\tlabel\n"quoted and open\t0\nit is 5" long\t1\n');
    expect(rows.map(({ input }) => input)).toEqual([text('"quoted and open'), text('it is 5" long')]);
  });

  it('names ragged rows by line, past a quoted line end', async () => {
    const error = await read('rows.csv', 'text,label\n"a\nb",x\n\nonly one\nc,x,extra\n').catch(String);
    expect(error).toContain('rows.csv, row 5: must have 2 fields like the header, got 1');
    expect(error).toContain('rows.csv, row 6: must have 2 fields like the header, got 3');
  });

  it('rejects a missing column once, for the file', async () => {
    await expect(read('rows.csv', 'body,label\na,1\nb,1\n')).rejects.toThrow(
      /rows\.csv: needs a column "text", "sentence", "sentence1" or "input_ids", got "body", "label"$/,
    );
  });

  it('rejects an open quote', async () => {
    await expect(read('rows.csv', 'text,label\na,x\n"open,y\n')).rejects.toThrow('rows.csv, row 3: ');
  });

  it('rejects a column that stands twice', async () => {
    await expect(read('rows.csv', 'text,text\na,b\n')).rejects.toThrow(
      'column names must differ, got "text" twice',
    );
  });

  it('rejects a header without rows', async () => {
    await expect(read('rows.csv', 'text,label\n')).rejects.toThrow(
      'rows.csv: must hold at least one row, got none',
    );
  });

  it('reads lists as JSON arrays', async () => {
    const rows = await read(
      'rows.csv',
      'text,labels\na,"[""joy"", ""fear""]"\nb,joy\nc,[]\n',
      'multi-label-classification',
    );
    expect(rows.map(({ label }) => label)).toEqual([['joy', 'fear'], ['joy'], []]);
  });
});

describe('CoNLL', () => {
  const content =
    '-DOCSTART- -X- O O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n\n\nPeter NNP B-NP B-PER\nBlackburn NNP I-NP I-PER';

  it('reads sentences with the first column as token and the last as tag', async () => {
    const rows = await read('train.conll', content, 'token-classification');
    expect(rows.map(({ input }) => input)).toEqual([
      { kind: 'words', words: ['EU', 'rejects'] },
      { kind: 'words', words: ['Peter', 'Blackburn'] },
    ]);
    expect(rows.map(({ label }) => label)).toEqual([
      ['B-ORG', 'O'],
      ['B-PER', 'I-PER'],
    ]);
    expect(rows.map(({ source }) => source.row)).toEqual([3, 7]);
  });

  it('reads .txt the same way', async () => {
    expect(await read('train.txt', content, 'token-classification')).toHaveLength(2);
  });

  it('reads tokens without tags when rows need no labels', async () => {
    const rows = await read('test.conll', 'a\nb\n\nc\n', 'token-classification', false);
    expect(rows).toHaveLength(2);
    await expect(read('test.conll', 'a\nb\n', 'token-classification')).rejects.toThrow(
      'row 1: needs a column "tags", "ner_tags" or "labels"',
    );
  });

  it('keeps a token that is a no-break space', async () => {
    const [row] = await read('a.conll', '\u00a0 O\n', 'token-classification');
    expect(row?.input).toEqual({ kind: 'words', words: ['\u00a0'] });
  });

  it('names lines with another number of columns', async () => {
    await expect(read('a.conll', 'a NN O\nb O\n\nc NN O\n', 'token-classification')).rejects.toThrow(
      'a.conll, row 2: must have 3 columns like the first line, got 2',
    );
  });

  it('rejects as many tags as there are not tokens', async () => {
    await expect(
      read('a.jsonl', '{"tokens": ["a", "b"], "ner_tags": [0]}', 'token-classification'),
    ).rejects.toThrow('a.jsonl, row 1: ner_tags: must be as many as tokens (2), got 1');
  });

  it('rejects tokens that are no words', async () => {
    const error = await read(
      'a.jsonl',
      '{"tokens": [], "tags": []}\n{"tokens": [1], "tags": [1]}',
      'token-classification',
    ).catch(String);
    expect(error).toContain('row 1: tokens: must not be empty');
    expect(error).toContain('row 2: tokens: must be a list of strings');
  });
});

describe('plain text', () => {
  it('is one text a line for masked language modelling', async () => {
    const rows = await read('corpus.txt', 'one sentence\n\nanother\n', 'masked-lm');
    expect(rows.map(({ input }) => input)).toEqual([text('one sentence'), text('another')]);
  });
});

describe('Parquet', () => {
  const columns = (labels: unknown[]) => [
    { name: 'sentence', data: ['one', 'two', 'three'] },
    { name: 'label', data: labels as number[] },
    { name: 'idx', data: [0, 1, 2] },
  ];
  const buffer = (labels: unknown[], options = {}) =>
    new Uint8Array(parquetWriteBuffer({ columnData: columns(labels), ...options }));

  it('reads rows across row groups, 64-bit integers as numbers', async () => {
    const rows = await read('rows.parquet', buffer([1n, 0n, 1n], { rowGroupSize: 2 }));
    expect(rows.map(({ input }) => input)).toEqual([text('one'), text('two'), text('three')]);
    expect(rows.map(({ label }) => label)).toEqual([1, 0, 1]);
    expect(rows.map(({ source }) => source.row)).toEqual([1, 2, 3]);
  });

  it('reads GZIP pages', async () => {
    const compressors = { GZIP: (bytes: Uint8Array) => new Uint8Array(gzipSync(bytes)) };
    const rows = await read('rows.parquet', buffer([1n, 0n, 1n], { codec: 'GZIP', compressors }));
    expect(rows.map(({ label }) => label)).toEqual([1, 0, 1]);
  });

  it("reads Hugging Face's class names for class indices", async () => {
    const features = {
      label: { names: ['negative', 'positive'], _type: 'ClassLabel' },
      sentence: { dtype: 'string' },
    };
    const kvMetadata = [{ key: 'huggingface', value: JSON.stringify({ info: { features } }) }];
    const rows = await read('rows.parquet', buffer([1n, 0n, 1n], { kvMetadata }));
    expect(rows.map(({ label }) => label)).toEqual(['positive', 'negative', 'positive']);
    await expect(read('rows.parquet', buffer([1n, 0n, -1n], { kvMetadata }))).rejects.toThrow(
      'rows.parquet, row 3: needs a column "label" or "labels"',
    );
  });

  it('reads lists of tokens, and their class names', async () => {
    const list = (name: string, leaf: object): SchemaElement[] => [
      { name, repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST' },
      { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
      { name: 'element', repetition_type: 'OPTIONAL', ...leaf },
    ];
    const schema: SchemaElement[] = [
      { name: 'root', num_children: 2 },
      ...list('tokens', { type: 'BYTE_ARRAY', converted_type: 'UTF8' }),
      ...list('ner_tags', { type: 'INT64' }),
    ];
    const columnData = [
      { name: 'tokens', data: [['EU', 'rejects'], ['Peter']] },
      {
        name: 'ner_tags',
        data: [[2n, 0n], [1n]],
      },
    ];
    const plain = new Uint8Array(parquetWriteBuffer({ schema, columnData }));
    const rows = await read('rows.parquet', plain, 'token-classification');
    expect(rows.map(({ input }) => input)).toEqual([
      { kind: 'words', words: ['EU', 'rejects'] },
      { kind: 'words', words: ['Peter'] },
    ]);
    expect(rows.map(({ label }) => label)).toEqual([[2, 0], [1]]);

    const names = ['O', 'B-PER', 'B-ORG'];
    const classLabel = { names, _type: 'ClassLabel' };
    for (const feature of [{ feature: classLabel, _type: 'Sequence' }, [classLabel]]) {
      const value = JSON.stringify({ info: { features: { ner_tags: feature } } });
      const kvMetadata = [{ key: 'huggingface', value }];
      const named = new Uint8Array(parquetWriteBuffer({ schema, columnData, kvMetadata }));
      const namedRows = await read('rows.parquet', named, 'token-classification');
      expect(namedRows.map(({ label }) => label)).toEqual([['B-ORG', 'O'], ['B-PER']]);
    }
  });

  it('rejects NaN as a regression label', async () => {
    await expect(read('rows.parquet', buffer([0.5, Number.NaN, 1]), 'regression')).rejects.toThrow(
      'rows.parquet, row 2: label: must be a finite number, got NaN',
    );
  });

  it('rejects a missing column once', async () => {
    await expect(read('rows.parquet', buffer([1n, 0n, 1n]), 'token-classification')).rejects.toThrow(
      'rows.parquet: needs a column "tokens" or "input_ids", got "sentence", "label", "idx"',
    );
  });

  it('rejects a file that is cut short', async () => {
    await expect(read('rows.parquet', buffer([1n, 0n, 1n]).subarray(0, 60))).rejects.toThrow(
      'rows.parquet: cannot be read as Parquet: ',
    );
  });
});

describe('files', () => {
  it('are read in the order given', async () => {
    const files = [
      await dataFile('b.jsonl', '{"text": "1", "label": 0}'),
      await dataFile('a.csv', 'text,label\n2,1\n'),
    ];
    const rows = await readRows(files, { task: 'text-classification', labelled: true });
    expect(rows.map(({ source }) => source.file)).toEqual(files);
  });

  it.each([
    ['rows.jsonl', '', 'rows.jsonl: must hold at least one row, got an empty file'],
    ['rows.jsonl', '\n\n', 'rows.jsonl: must hold at least one row, got none'],
    ['rows.xlsx', 'x', 'rows.xlsx: text-classification data cannot be read from ".xlsx" files'],
    ['rows.txt', 'x', 'rows.txt: text-classification data cannot be read from ".txt" files'],
    ['rows', 'x', 'rows: text-classification data cannot be read from "" files'],
  ])('%s holding %o is rejected', async (name, content, message) => {
    await expect(read(name, content)).rejects.toThrow(message);
  });

  it('must exist', async () => {
    await expect(readRows(['/nowhere/a.csv'], { task: 'regression', labelled: true })).rejects.toThrow(
      '/nowhere/a.csv: no such file',
    );
  });
});
