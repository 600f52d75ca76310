import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readRows } from '../../../shared/data/read-rows.ts';
import { collate } from '../../../shared/examples/collate.ts';
import type { EncodedExample } from '../../../shared/examples/example.ts';
import type { TaskKind } from '../../../shared/task.ts';
import { encodeRows } from '../../../shared/tokenization/encode-rows.ts';
import { loadTokenizer } from '../../../shared/tokenization/load-tokenizer.ts';
import type { Tokenizer } from '../../../shared/tokenization/tokenizer.ts';
import { unigramIds, unigramTokenizerJson } from '../../support/unigram-tokenizer.ts';

let folder: string;
let tokenizer: Tokenizer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regmean-targets-'));
  const json = unigramTokenizerJson(['yes', 'no', 'is', 'it', 'warm?', 'warm']);
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(json));
  tokenizer = await loadTokenizer(folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const { end } = unigramIds;

async function encode(
  task: TaskKind,
  rows: readonly object[],
  labelled = true,
): Promise<readonly EncodedExample[]> {
  const path = join(folder, 'rows.jsonl');
  await writeFile(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const read = await readRows([path], { task, labelled });
  const { examples } = await encodeRows(read, task, tokenizer, null, { maxLength: 16, vocabSize: 10 });
  return examples;
}

const ids = { padTokenId: 0, decoderStartTokenId: 0 };

describe('text2text rows', () => {
  it('tokenize text and target alike, each with its end token', async () => {
    const [example] = await encode('text2text', [{ text: 'is it warm?', target: 'yes' }]);
    expect([...(example?.inputIds ?? [])]).toEqual([5, 6, 7, end]);
    expect(example?.labels).toEqual({ kind: 'target', ids: Int32Array.of(3, end) });
  });

  it('take the target from target, label or labels, numbers as text', async () => {
    const examples = await encode('text2text', [
      { text: 'is it', target: 'no' },
      { text: 'is it', label: 'no' },
      { text: 'is it', labels: 'no' },
    ]);
    for (const { labels } of examples) expect(labels).toEqual({ kind: 'target', ids: Int32Array.of(4, end) });
  });

  it('give the decoder the target moved by one, padded; labels are -100 there', async () => {
    const examples = await encode('text2text', [
      { input_ids: [5, 6, end], labels: [3, 7, end] },
      { input_ids: [5, end], labels: [4, end] },
    ]);
    const batch = collate(examples, [0, 1], ids, 'text2text');
    expect(batch.decoder).toEqual({ targetLength: 3, inputIds: Int32Array.of(0, 3, 7, 0, 4, 0) });
    expect(batch.labels).toEqual(Int32Array.of(3, 7, end, 4, end, -100));
  });

  it('keep decoder_input_ids that a row brings, labelled or not', async () => {
    const given = { input_ids: [5, end], labels: [4, -100], decoder_input_ids: [2, 4] };
    const [labelled] = await encode('text2text', [given]);
    expect(labelled?.decoderInputIds).toEqual(Int32Array.of(2, 4));
    const { labels: _, ...unlabelled } = given;
    const examples = await encode('text2text', [unlabelled], false);
    const batch = collate(examples, [0], ids, 'text2text');
    expect(batch).toMatchObject({ labels: null, decoder: { targetLength: 2 } });
  });

  it('refuse targets that are none', async () => {
    await expect(encode('text2text', [{ text: 'is it' }])).rejects.toThrow('"target", "label" or "labels"');
    await expect(encode('text2text', [{ input_ids: [5], labels: [99] }])).rejects.toThrow(
      'row 1: labels: must be -100 or below the vocabulary size 10, got 99',
    );
    await expect(encode('text2text', [{ input_ids: [5], labels: [] }])).rejects.toThrow(
      'row 1: target: must give at least one token, got none',
    );
    await expect(
      encode('text2text', [{ input_ids: [5], labels: [3, 1], decoder_input_ids: [0] }]),
    ).rejects.toThrow('labels: must be as many as decoder_input_ids (1), got 2');
    await expect(encode('text2text', [{ input_ids: [5], decoder_input_ids: [77] }], false)).rejects.toThrow(
      'must be below the vocabulary size 10, got 77',
    );
  });

  it('need a start token of the decoder', async () => {
    const examples = await encode('text2text', [{ text: 'is it', target: 'no' }]);
    expect(() => collate(examples, [0], { padTokenId: 0 }, 'text2text')).toThrow(
      'decoder_start_token_id must be given for text2text',
    );
  });
});

describe('causal-lm rows', () => {
  it('label each token with the one that follows', async () => {
    const [text, given] = await encode('causal-lm', [
      { text: 'is it warm' },
      { input_ids: [5, 6, 7], labels: [-100, 6, 7] },
    ]);
    expect([...(text?.inputIds ?? [])]).toEqual([5, 6, 8, end]);
    expect(text?.labels).toEqual({ kind: 'following', ids: Int32Array.of(6, 8, end, -100) });
    expect(given?.labels).toEqual({ kind: 'following', ids: Int32Array.of(6, 7, -100) });
  });

  it('ignore the labels that a row ignores', async () => {
    const [example] = await encode('causal-lm', [{ input_ids: [5, 6, 7], labels: [-100, -100, 7] }]);
    expect(example?.labels).toEqual({ kind: 'following', ids: Int32Array.of(-100, 7, -100) });
  });

  it('do not take what the mask leaves out for a label', async () => {
    const [example] = await encode('causal-lm', [{ input_ids: [5, 6, 0, 0], attention_mask: [1, 1, 0, 0] }]);
    expect(example?.labels).toEqual({ kind: 'following', ids: Int32Array.of(6, -100, -100, -100) });
  });

  it('are read from plain text files too', async () => {
    const path = join(folder, 'texts.txt');
    await writeFile(path, 'is it warm\n\nno\n');
    expect(await readRows([path], { task: 'causal-lm', labelled: true })).toHaveLength(2);
  });

  it('refuse labels that are not as many as tokens', async () => {
    await expect(encode('causal-lm', [{ input_ids: [5, 6], labels: [5] }])).rejects.toThrow(
      'labels: must be as many as input_ids (2), got 1',
    );
  });
});
