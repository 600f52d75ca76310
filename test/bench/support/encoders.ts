/** @file The models and the batch that the benchmarks of the engine run. */
import { createModel, type Model } from '../../../shared/models/model-folder.ts';
import { createRandom } from '../../../shared/random.ts';
import type { RunTensor } from '../../../shared/runtime/session.ts';

const threads = 2;
const batchSize = 16;
const seqLength = 128;
const dropout = 0.1;
const labels = ['negative', 'positive'];

/** Tokens of a batch. */
export const tokensPerBatch = batchSize * seqLength;

/** One encoder size. */
export interface BenchEncoder {
  readonly name: string;
  /** What both sides get: the model's config.json, the batch's size, the threads. */
  readonly settings: {
    readonly threads: number;
    readonly batchSize: number;
    readonly seqLength: number;
    readonly dropout: number;
    readonly config: Readonly<Record<string, unknown>> & { readonly vocab_size: number };
  };
}

/** The encoders: layers x hidden size, 64 to a head, the vocabulary of BERT. */
export const benchEncoders: readonly BenchEncoder[] = [encoder(6, 384), encoder(12, 768)];

function encoder(layers: number, hiddenSize: number): BenchEncoder {
  return {
    name: `${layers} x ${hiddenSize}`,
    settings: {
      threads,
      batchSize,
      seqLength,
      dropout,
      config: {
        architectures: ['BertForSequenceClassification'],
        model_type: 'bert',
        vocab_size: 30_522,
        hidden_size: hiddenSize,
        num_hidden_layers: layers,
        num_attention_heads: hiddenSize / 64,
        intermediate_size: 4 * hiddenSize,
        hidden_dropout_prob: dropout,
        attention_probs_dropout_prob: dropout,
        max_position_embeddings: 512,
        type_vocab_size: 2,
        layer_norm_eps: 1e-12,
        pad_token_id: 0,
        id2label: Object.fromEntries(labels.entries()),
      },
    },
  };
}

/** The encoder with new weights and a head for two classes. */
export function benchModel({ settings }: BenchEncoder): Model {
  return createModel(settings.config, 'text-classification', labels, 1);
}

/** A batch of random tokens without padding, with labels. */
export function benchBatch({ settings }: BenchEncoder): ReadonlyMap<string, RunTensor> {
  const random = createRandom(1);
  const shape = [batchSize, seqLength];
  const drawn = (count: number, below: number): Int32Array =>
    Int32Array.from({ length: count }, () => Math.floor(random() * below));
  return new Map([
    ['input_ids', { shape, data: drawn(tokensPerBatch, settings.config.vocab_size) }],
    ['attention_mask', { shape, data: new Int32Array(tokensPerBatch).fill(1) }],
    ['token_type_ids', { shape, data: new Int32Array(tokensPerBatch) }],
    ['labels', { shape: [batchSize], data: drawn(batchSize, labels.length) }],
  ]);
}
