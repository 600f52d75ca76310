import { RegmeanError } from '../errors.ts';

/** The settings of tokenizer_config.json that shape a BERT tokenizer. */
export interface WordPieceSettings {
  readonly do_lower_case?: boolean | undefined;
  readonly strip_accents?: boolean | null | undefined;
  readonly tokenize_chinese_chars?: boolean | undefined;
  readonly unk_token?: string | null | undefined;
  readonly cls_token?: string | null | undefined;
  readonly sep_token?: string | null | undefined;
  readonly pad_token?: string | null | undefined;
  readonly mask_token?: string | null | undefined;
}

/**
 * The tokenizer.json of a BERT model that has only a vocab.txt, with the defaults of Hugging Face's
 * `BertTokenizer`: lower case unless `do_lower_case` is false, accents stripped with it, `[CLS] A
 * [SEP] B [SEP]`.
 *
 * @param vocabulary one token a line; the id is the line number from 0
 * @param where the file, for errors
 * @throws RegmeanError `invalid-input` when the unknown, class or separator token is missing
 */
export function wordPieceTokenizerJson(
  vocabulary: string,
  settings: WordPieceSettings,
  where: string,
): string {
  const vocab = new Map<string, number>();
  for (const [id, line] of vocabulary
    .replace(/\r?\n$/, '')
    .split(/\r?\n/)
    .entries())
    vocab.set(line, id);
  const unk = settings.unk_token ?? '[UNK]';
  const cls = settings.cls_token ?? '[CLS]';
  const sep = settings.sep_token ?? '[SEP]';
  const idOf = (token: string): number => {
    const id = vocab.get(token);
    if (id !== undefined) return id;
    throw new RegmeanError('invalid-input', `${where}: must hold the token "${token}", got none`, {
      hint: 'only BERT WordPiece vocabularies can be used without tokenizer.json',
    });
  };
  for (const token of [unk, cls, sep]) idOf(token);
  const special = (token: string) => ({ SpecialToken: { id: token, type_id: 0 } });
  const specialTokens = [settings.pad_token ?? '[PAD]', unk, cls, sep, settings.mask_token ?? '[MASK]'];
  return JSON.stringify({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specialTokens
      .filter((content) => vocab.has(content))
      .map((content) => ({
        id: idOf(content),
        content,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: true,
      }))
      .sort((a, b) => a.id - b.id),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: settings.tokenize_chinese_chars ?? true,
      strip_accents: settings.strip_accents ?? null,
      lowercase: settings.do_lower_case ?? true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [special(cls), { Sequence: { id: 'A', type_id: 0 } }, special(sep)],
      pair: [
        special(cls),
        { Sequence: { id: 'A', type_id: 0 } },
        special(sep),
        { Sequence: { id: 'B', type_id: 1 } },
        { SpecialToken: { id: sep, type_id: 1 } },
      ],
      special_tokens: {
        [cls]: { id: cls, ids: [idOf(cls)], tokens: [cls] },
        [sep]: { id: sep, ids: [idOf(sep)], tokens: [sep] },
      },
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: unk,
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(vocab),
    },
  });
}
