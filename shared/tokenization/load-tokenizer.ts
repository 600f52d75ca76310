import { buildTokenizer } from './build-tokenizer.ts';
import { lengthLimit } from './length-limit.ts';
import { createTokenizer, type Tokenizer } from './tokenizer.ts';
import { readTokenizerFiles, type TokenizerFiles } from './tokenizer-files.ts';

/**
 * The tokenizer of a model folder: `tokenizer.json`, or else a WordPiece `vocab.txt`, with what
 * `transformers` reads beside it: `tokenizer_config.json`, `special_tokens_map.json`,
 * `added_tokens.json`, and `config.json` for the class and the lengths.
 *
 * @throws RegmeanError `not-found` when the folder has neither; `invalid-input` for a file that is
 *   not what its name says
 */
export async function loadTokenizer(dir: string): Promise<Tokenizer> {
  const files = await readTokenizerFiles(dir);
  const built = buildTokenizer(files);
  const { config, json, model } = files;
  return createTokenizer(built, {
    where: files.where,
    maxLength: Math.min(knownLength(config.model_max_length ?? config.max_len), lengthLimit(model)),
    tokenTypes:
      model.type_vocab_size !== 1 &&
      model.type_vocab_size !== 0 &&
      (config.model_input_names?.includes('token_type_ids') ?? built.tokenTypes),
    truncationSide: config.truncation_side ?? json.truncation?.direction ?? 'right',
    cleansText: cleansText(files),
    wordsLackSpaceIn: built.wordsLackSpaceIn,
  });
}

/** The tokenizer's own limit; Hugging Face writes 10^30 where it knows none. */
function knownLength(length: number | null | undefined): number {
  return length === null || length === undefined || length > 1e9 ? Number.POSITIVE_INFINITY : length;
}

/** Whether decoded text loses spaces before punctuation; never where pieces hold spaces. */
function cleansText({ config, json }: TokenizerFiles): boolean {
  return config.clean_up_tokenization_spaces === true && json.model.type !== 'BPE';
}
