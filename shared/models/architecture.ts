/** @file What a model family tells the rest of the project. To add one: its file, and a line in `registry.ts`. */
import type { Value } from '../graph/graph.ts';
import type { TaskKind } from '../task.ts';
import type { ModuleScope } from './scope.ts';

/** A parsed config.json as the rest of the project needs it. */
export interface ModelConfig {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  /** Longest sequence in tokens, special tokens included. */
  readonly maxLength: number;
  readonly padTokenId: number;
  /** Standard deviation of new weights. */
  readonly initializerRange: number;
}

/** Inputs of an encoder, all int32 [batch, seq]. */
export interface EncoderInputs {
  readonly inputIds: Value;
  /** 1 for tokens, 0 for padding. */
  readonly attentionMask: Value;
  readonly tokenTypeIds: Value;
}

/** What a head is for and how many outputs it has. */
export interface HeadRequest {
  readonly task: TaskKind;
  readonly labelCount: number;
  /** For `masked-lm`: int32 [masked], rows of the flattened batch whose tokens are predicted. */
  readonly maskedPositions: Value | null;
}

/** One model family, `model_type` in config.json. */
export interface Architecture<C extends ModelConfig = ModelConfig> {
  readonly modelType: string;
  /** Name of the encoder inside a model with a head, which checkpoints of the bare encoder leave out: `bert`. */
  readonly encoderName: string;
  /** The Hugging Face class for a task, as config.json names it. */
  readonly classNames: Readonly<Partial<Record<TaskKind, string>>>;
  /** Reads config.json. Throws naming the field. */
  parseConfig(json: unknown): C;
  /** @returns the last hidden state, [batch*seq, hiddenSize] */
  encoder(scope: ModuleScope, config: C, inputs: EncoderInputs): Value;
  /**
   * @param hidden [batch*seq, hiddenSize]
   * @returns logits: [batch, labels], [batch*seq, labels] for token-classification, [masked, vocab] for masked-lm
   */
  head(scope: ModuleScope, config: C, hidden: Value, request: HeadRequest): Value;
  /** Parameter names of checkpoints that mean nothing here: buffers, tied copies. */
  readonly ignoredParameters: readonly RegExp[];
}
