/**
 * @file Which folder the files beside the weights come from: the base's, but the tokenizer of the
 *   adapter where it was trained with other tokens.
 */
import { join } from 'node:path';
import { RegmeanError } from '../errors.ts';
import { listFolder } from '../files/atomic-folder.ts';
import { readJson } from '../files/read-json.ts';
import { sideFilesOf } from '../models/side-files.ts';
import { z } from '../zod.ts';

/** Side files to copy, and what is to be said of them. */
export interface SideFiles {
  /** Folder -> paths of its files. */
  readonly files: ReadonlyMap<string, readonly string[]>;
  readonly notes: readonly string[];
}

const tokenizerFile = 'tokenizer.json';

/** The tokens of tokenizer.json: a vocabulary by name, or with scores in the order of the ids. */
const tokenizerSchema = z.object({
  model: z.object({
    vocab: z.union([z.record(z.string(), z.int()), z.array(z.tuple([z.string(), z.number()]))]).default({}),
  }),
  added_tokens: z.array(z.object({ id: z.int(), content: z.string() })).nullish(),
});

/** Side files that are a part of the tokenizer. */
const ofTokenizer =
  /^(added_tokens|special_tokens_map|tokenizer|tokenizer_config|vocab)\.json$|\.(jinja|model|txt)$/;

/** Where side files of a full model may come from. */
export interface SideFilesRequest {
  /** Folder of the base model. */
  readonly base: string;
  /** Folder of the adapter. */
  readonly adapter: string;
  /** Rows of the word embeddings where the adapter changes their number. */
  readonly vocabularySize: number | null;
  /** Rows of the word embeddings. */
  readonly rows: number;
}

/**
 * The side files of a full model.
 *
 * @throws RegmeanError `invalid-input` where the tokenizer of a changed vocabulary is not there, or
 *   has tokens without a row
 */
export async function sideFilesFor({
  base,
  adapter,
  vocabularySize,
  rows,
}: SideFilesRequest): Promise<SideFiles> {
  const ofBase = await sideFilesOf(base);
  const [before, after] = [await tokensOf(base), await tokensOf(adapter)];
  if (after === null || (before !== null && sameTokens(before, after))) {
    if (vocabularySize === null || before === null) return { files: new Map([[base, ofBase]]), notes: [] };
    throw new RegmeanError(
      'invalid-input',
      `${adapter}: must hold the ${tokenizerFile} of its ${vocabularySize} words, ` +
        `${after === null ? 'has none' : 'has the one of the base'}`,
      { hint: 'save the tokenizer that the adapter was trained with: tokenizer.save_pretrained(ADAPTER)' },
    );
  }
  const last = Math.max(-1, ...after.values());
  if (last >= rows) {
    throw new RegmeanError(
      'invalid-input',
      `${join(adapter, tokenizerFile)}: ids must be below ${rows}, the rows of the word embeddings, got ${last}`,
      { hint: 'save the adapter with its embeddings: save_pretrained(FOLDER, save_embedding_layers=True)' },
    );
  }
  const isTokenizer = (path: string): boolean => ofTokenizer.test(path) && !/^(LICENSE|NOTICE)/.test(path);
  return {
    files: new Map([
      [base, ofBase.filter((path) => !isTokenizer(path))],
      [adapter, (await sideFilesOf(adapter)).filter(isTokenizer)],
    ]),
    notes: [`the tokenizer is that of ${adapter}, whose tokens are not those of the base`],
  };
}

/** Token -> id of tokenizer.json; null where there is none. */
async function tokensOf(folder: string): Promise<ReadonlyMap<string, number> | null> {
  if (!((await listFolder(folder)) ?? []).includes(tokenizerFile)) return null;
  const { model, added_tokens: added } = await readJson(join(folder, tokenizerFile), tokenizerSchema);
  const { vocab } = model;
  const tokens = Array.isArray(vocab)
    ? vocab.map(([token], id) => [token, id] as const)
    : Object.entries(vocab);
  return new Map([...tokens, ...(added ?? []).map(({ content, id }) => [content, id] as const)]);
}

function sameTokens(one: ReadonlyMap<string, number>, other: ReadonlyMap<string, number>): boolean {
  return one.size === other.size && [...one].every(([token, id]) => other.get(token) === id);
}
