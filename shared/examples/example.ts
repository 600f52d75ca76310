import type { ExampleLabels } from '../data/example-labels.ts';
import type { RowSource } from '../data/row.ts';

/** One tokenized row, unpadded. */
export interface EncodedExample {
  /** Token ids, [length]. */
  readonly inputIds: Int32Array;
  /**
   * 0 for the first text and 1 for the second, [length]; zeros where the model has no token types.
   */
  readonly tokenTypeIds: Int32Array;
  /** 1 for tokens, 0 for padding, [length]. */
  readonly attentionMask: Int32Array;
  /** Null for an unlabelled example. */
  readonly labels: ExampleLabels | null;
  /**
   * What the row is, where it is numbers instead of tokens, [features]; it counts as one token
   * then.
   */
  readonly features?: Float32Array;
  /** For `text2text`: what the decoder reads, [target]; absent where it follows from the labels. */
  readonly decoderInputIds?: Int32Array;
  /**
   * For rows of words: where the first token of each word stands in `inputIds`, [words]; -1 for a
   * word that was cut off or that the tokenizer leaves nothing of. Null for other rows.
   */
  readonly wordPositions: Int32Array | null;
  readonly source: RowSource;
}

/** What a decoder reads, padded to the longest target. */
export interface DecoderBatch {
  readonly targetLength: number;
  /** [batchSize * targetLength]. */
  readonly inputIds: Int32Array;
}

/** Examples padded to the longest of them. int32 throughout: ONNX Gather takes int32. */
export interface Batch {
  readonly batchSize: number;
  readonly seqLength: number;
  /** [batchSize * seqLength], row-major. */
  readonly inputIds: Int32Array;
  /** [batchSize * seqLength], 1 for tokens, 0 for padding. */
  readonly attentionMask: Int32Array;
  /** [batchSize * seqLength]. */
  readonly tokenTypeIds: Int32Array;
  /**
   * Text classification: Int32Array [batchSize]; token classification: Int32Array [batchSize *
   * seqLength], -100 ignored; regression: Float32Array [batchSize]; multi-label: Float32Array
   * [batchSize * classes]; causal-lm as token classification; text2text: Int32Array [batchSize *
   * targetLength]; null when the examples are unlabelled.
   */
  readonly labels: Int32Array | Float32Array | null;
  /** For `text2text`, where examples have labels or inputs of the decoder. */
  readonly decoder?: DecoderBatch;
  /** Of examples that are numbers, [batchSize * features], row-major. */
  readonly features?: Float32Array;
  /** Position of each row in the data set, [batchSize]. */
  readonly indices: readonly number[];
  /** Tokens without padding. */
  readonly tokens: number;
}
