import { describe, expect, it } from 'vitest';
import { tokenizerDifferences } from '../../../shared/tokenization/tokenizer-differences.ts';
import {
  bertTokenizerJson,
  debertaTokenizerJson,
  folderWith,
  robertaTokenizerJson,
  unigramPieces,
  wordPieces,
} from './tokenizer-folders.ts';

type Files = Record<string, unknown>;

const differ = async (first: Files, other: Files) =>
  tokenizerDifferences(await folderWith(first), await folderWith(other));
const json = (tokenizer: object): Files => ({ 'tokenizer.json': tokenizer });
const bert = json(bertTokenizerJson);

describe('tokenizers that make other tokens', () => {
  const { model, normalizer, post_processor, added_tokens } = bertTokenizerJson;
  const swapped = { ...model.vocab, the: 6, film: 5 };
  const more = [...added_tokens, { ...added_tokens[0], id: 22, content: '[NEW]' }];
  it.each<[string, object, string, string]>([
    ['vocabulary', { model: { ...model, vocab: swapped } }, '"the" at 5', '"film" at 5'],
    ['vocabulary', { model: { ...model, vocab: { ...model.vocab, new: 22 } } }, '22 entries', '23 entries'],
    ['model', { model: { ...model, unk_token: 'the' } }, 'unk_token "[UNK]"', 'unk_token "the"'],
    ['normalizer', { normalizer: { ...normalizer, lowercase: false } }, 'lowercase true', 'lowercase false'],
    [
      'pre_tokenizer',
      { pre_tokenizer: { type: 'Whitespace' } },
      'type "BertPreTokenizer"',
      'type "Whitespace"',
    ],
    ['added_tokens', { added_tokens: more }, '5 entries', '6 entries'],
    [
      'post_processor',
      { post_processor: { ...post_processor, single: post_processor.single.slice(0, 2) } },
      'single 3 entries',
      'single 2 entries',
    ],
  ])('differ in their %s, which is shown side by side', async (part, change, first, other) => {
    const found = await differ(bert, json({ ...bertTokenizerJson, ...change }));
    expect(found).toContainEqual({ field: `tokenizer.${part}`, first, other });
  });

  it('differ in merges, and in the scores of pieces', async () => {
    const merges = ['Ġ b', 'Ġ a', 'a b', 'Ġa b'];
    const bpe = { ...robertaTokenizerJson, model: { ...robertaTokenizerJson.model, merges } };
    expect(await differ(json(robertaTokenizerJson), json(bpe))).toMatchObject([
      { field: 'tokenizer.merges', first: '["Ġ","a"] at 0', other: '["Ġ","b"] at 0' },
    ]);
    const vocab = unigramPieces.map(([piece, score], at) => [piece, at === 5 ? score - 1 : score]);
    const unigram = { ...debertaTokenizerJson, model: { ...debertaTokenizerJson.model, vocab } };
    expect(await differ(json(debertaTokenizerJson), json(unigram))).toEqual([
      { field: 'tokenizer.vocabulary', first: '["▁the",-2] at 5', other: '["▁the",-3] at 5' },
    ]);
  });

  it('differ by the settings beside tokenizer.json', async () => {
    const config = { tokenizer_class: 'BertTokenizer', do_lower_case: false };
    expect(await differ(bert, { ...bert, 'tokenizer_config.json': config })).toEqual([
      { field: 'tokenizer.normalizer', first: 'lowercase true', other: 'lowercase false' },
    ]);
  });

  it('differ in files that cannot be read here, which are named', async () => {
    const found = await differ({ 'spiece.model': 'one' }, { 'spiece.model': 'two' });
    expect(found.map(({ field }) => field)).toEqual(['tokenizer.spiece.model']);
    expect(found[0]?.first).toMatch(/^SHA-256 [0-9a-f]{64}$/);
  });
});

describe('tokenizers that make the same tokens', () => {
  it('may be written in other forms, and cut and fill otherwise', async () => {
    const { truncation: _, padding: __, ...plain } = bertTokenizerJson;
    expect(await differ(bert, json(plain))).toEqual([]);
    const settings = { model_max_length: 512, padding_side: 'left' };
    expect(await differ(bert, { ...bert, 'tokenizer_config.json': settings })).toEqual([]);
  });

  it('may be files of a vocabulary or what they became', async () => {
    const names = { 'config.json': { model_type: 'bert' } };
    const vocabulary = { ...names, 'vocab.txt': `${wordPieces.join('\n')}\n` };
    expect(await differ(vocabulary, { ...names, ...bert })).toEqual([]);
  });

  it('are not looked for where one folder has none', async () => {
    expect(await differ(bert, { 'tokenizer_config.json': {} })).toEqual([]);
  });
});
