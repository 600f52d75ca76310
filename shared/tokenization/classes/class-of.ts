/**
 * @file Which tokenizer class `transformers` 5 loads a folder with (its `AutoTokenizer`). A class
 *   that is known here replaces the steps of tokenizer.json by its own; every other keeps them as
 *   they are written.
 */
import type { TokenizerClass } from '../tokenizer-class.ts';
import {
  debertaTokenizer,
  gpt2Tokenizer,
  gptNeoXTokenizer,
  qwen2Tokenizer,
  robertaTokenizer,
} from './byte-level.ts';
import { llamaTokenizer } from './metaspace.ts';
import {
  albertTokenizer,
  camembertTokenizer,
  debertaV2Tokenizer,
  t5Tokenizer,
  xlmRobertaTokenizer,
} from './unigram.ts';
import { bertTokenizer, distilBertTokenizer, mpnetTokenizer } from './wordpiece.ts';

/** Classes by their names, without `Fast`. */
const classes: ReadonlyMap<string, TokenizerClass> = new Map([
  ['BertTokenizer', bertTokenizer],
  ['ConvBertTokenizer', bertTokenizer],
  ['ElectraTokenizer', bertTokenizer],
  ['LayoutLMTokenizer', bertTokenizer],
  ['LxmertTokenizer', bertTokenizer],
  ['MobileBertTokenizer', bertTokenizer],
  ['SqueezeBertTokenizer', bertTokenizer],
  ['DistilBertTokenizer', distilBertTokenizer],
  ['MPNetTokenizer', mpnetTokenizer],
  ['GPT2Tokenizer', gpt2Tokenizer],
  ['GPTNeoXTokenizer', gptNeoXTokenizer],
  ['RobertaTokenizer', robertaTokenizer],
  ['BartTokenizer', robertaTokenizer],
  ['LEDTokenizer', robertaTokenizer],
  ['LongformerTokenizer', robertaTokenizer],
  ['DebertaTokenizer', debertaTokenizer],
  ['Qwen2Tokenizer', qwen2Tokenizer],
  ['LlamaTokenizer', llamaTokenizer],
  ['T5Tokenizer', t5Tokenizer],
  ['XLMRobertaTokenizer', xlmRobertaTokenizer],
  ['CamembertTokenizer', camembertTokenizer],
  ['AlbertTokenizer', albertTokenizer],
  ['DebertaV2Tokenizer', debertaV2Tokenizer],
]);

/** The class of a `model_type` whose tokenizer_config.json names none; null: as written. */
const classOfModelType: ReadonlyMap<string, string | null> = new Map<string, string | null>([
  ['albert', 'AlbertTokenizer'],
  ['bart', 'RobertaTokenizer'],
  ['bert', 'BertTokenizer'],
  ['camembert', 'CamembertTokenizer'],
  ['convbert', 'BertTokenizer'],
  ['data2vec-text', 'RobertaTokenizer'],
  ['deberta', 'DebertaTokenizer'],
  ['deberta-v2', 'DebertaV2Tokenizer'],
  ['distilbert', 'BertTokenizer'],
  ['electra', 'BertTokenizer'],
  ['ernie', 'BertTokenizer'],
  ['gpt2', 'GPT2Tokenizer'],
  ['gpt_neo', 'GPT2Tokenizer'],
  ['gpt_neox', 'GPTNeoXTokenizer'],
  ['gptj', 'GPT2Tokenizer'],
  ['ibert', 'RobertaTokenizer'],
  ['layoutlm', 'BertTokenizer'],
  ['longformer', 'RobertaTokenizer'],
  ['megatron-bert', 'BertTokenizer'],
  ['mistral', null],
  ['mobilebert', 'BertTokenizer'],
  ['modernbert', null],
  ['mpnet', 'MPNetTokenizer'],
  ['mt5', 'T5Tokenizer'],
  ['nomic_bert', 'BertTokenizer'],
  ['opt', 'GPT2Tokenizer'],
  ['qwen2', 'Qwen2Tokenizer'],
  ['qwen3', 'Qwen2Tokenizer'],
  ['roberta', 'RobertaTokenizer'],
  ['roberta-prelayernorm', 'RobertaTokenizer'],
  ['squeezebert', 'BertTokenizer'],
  ['t5', 'T5Tokenizer'],
  ['umt5', null],
  ['xlm-roberta', 'XLMRobertaTokenizer'],
  ['xlm-roberta-xl', null],
  ['xmod', 'XLMRobertaTokenizer'],
]);

/** Model types whose published folders name a class that is not theirs. */
const misnamed: ReadonlySet<string> = new Set(['qwen2']);

/** What a folder says about its tokenizer's class. */
export interface ClassClues {
  /** `model_type` of config.json. */
  readonly modelType: string | null;
  /** `tokenizer_class` of tokenizer_config.json, or else of config.json. */
  readonly named: string | null;
  /** Whether tokenizer.json has a byte-level step. */
  readonly isByteLevel: boolean;
}

/** The class of a folder's tokenizer; null where the steps of tokenizer.json stand as written. */
export function classOf({ modelType, named, isByteLevel }: ClassClues): TokenizerClass | null {
  const own = named?.replace(/Fast$/, '') ?? null;
  const usual = modelType === null ? undefined : classOfModelType.get(modelType);
  // Llama 3 publishes byte-level pieces under the class of Llama 2.
  if (own === 'LlamaTokenizer' && isByteLevel && !misnamed.has(modelType ?? '')) return null;
  if (own === null) return classes.get(usual ?? '') ?? null;
  if (usual === undefined || usual === own) return classes.get(own) ?? null;
  if (usual === null) return null;
  return classes.get(misnamed.has(modelType ?? '') ? usual : own) ?? null;
}
