/**
 * @file Where a family keeps its word embeddings, and which weight turns hidden states into words.
 */

/** The parameters that are one table in a model with tied embeddings. */
export interface WordEmbeddings {
  /** The table as the graph names it. */
  readonly table: string;
  /** Names under which inputs read it. */
  readonly inputs: readonly string[];
  /** The weight of the language-model head; the table itself where the model is tied. */
  readonly output: string;
  /** Whether the family has a model whose head is a weight of its own. */
  readonly canUntie: boolean;
}

const decoderOnly: WordEmbeddings = {
  table: 'model.embed_tokens.weight',
  inputs: ['model.embed_tokens.weight'],
  output: 'lm_head.weight',
  canUntie: true,
};

/** A masked-LM model, whose decoder is always the table. */
function encoder(table: string, output: string): WordEmbeddings {
  return { table, inputs: [table], output, canUntie: false };
}

const t5: WordEmbeddings = {
  table: 'shared.weight',
  inputs: ['encoder.embed_tokens.weight', 'decoder.embed_tokens.weight'],
  output: 'lm_head.weight',
  canUntie: false,
};

const ofFamily: ReadonlyMap<string, WordEmbeddings> = new Map([
  ['llama', decoderOnly],
  ['mistral', decoderOnly],
  ['qwen2', decoderOnly],
  ['qwen3', decoderOnly],
  [
    'gpt2',
    {
      table: 'transformer.wte.weight',
      inputs: ['transformer.wte.weight'],
      output: 'lm_head.weight',
      canUntie: true,
    },
  ],
  ['t5', t5],
  ['mt5', t5],
  ['bert', encoder('bert.embeddings.word_embeddings.weight', 'cls.predictions.decoder.weight')],
  ['roberta', encoder('roberta.embeddings.word_embeddings.weight', 'lm_head.decoder.weight')],
  ['xlm-roberta', encoder('roberta.embeddings.word_embeddings.weight', 'lm_head.decoder.weight')],
  ['distilbert', encoder('distilbert.embeddings.word_embeddings.weight', 'vocab_projector.weight')],
]);

/** The word embeddings of a family that has a head for a language task; null for others. */
export function wordEmbeddingsOf(modelType: string): WordEmbeddings | null {
  return ofFamily.get(modelType) ?? null;
}
