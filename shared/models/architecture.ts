/**
 * @file What a model family tells the rest of the project. To add one: its file, and a line in
 *   `registry.ts`.
 */
import type { Shape, Value } from '../graph/graph.ts';
import type { TaskKind } from '../task.ts';
import type { InputSpec } from './input-spec.ts';
import type { ModuleScope } from './scope.ts';

/** A parsed config.json: what the model reads, and what its graph needs. */
export interface ModelConfig {
  readonly inputs: InputSpec;
  readonly hiddenSize: number;
  /** Standard deviation of new weights. */
  readonly initializerRange: number;
}

/** Inputs of a backbone, int32 unless said otherwise. */
export interface BackboneInputs {
  /** [batch, seq] */
  readonly inputIds: Value;
  /** 1 for tokens, 0 for padding, [batch, seq]. */
  readonly attentionMask: Value;
  /** [batch, seq] */
  readonly tokenTypeIds: Value;
  /** For `text2text`: the target's tokens so far, [batch, target]. */
  readonly decoderInputIds: Value | null;
  /** For networks that read numbers instead of tokens, float32 [batch, features]. */
  readonly features: Value | null;
}

/** What a head is for and how many outputs it has. */
export interface HeadRequest {
  readonly task: TaskKind;
  readonly labelCount: number;
  /** For `masked-lm`: int32 [masked], rows of the flattened batch whose tokens are predicted. */
  readonly maskedPositions: Value | null;
  /** int32 [batch, seq]; heads that read the last token look for it, as in `attentionMask`. */
  readonly inputIds: Value;
  /** 1 for tokens, 0 for padding, int32 [batch, seq]. */
  readonly attentionMask: Value;
}

/** What one step of generating reads. */
export interface DecodingInputs {
  /** The tokens since the last step, int32 [batch, target]; before them none for a first step. */
  readonly inputIds: Value;
  /** The encoder's mask, int32 [batch, seq]: 1 for tokens, 0 for padding. */
  readonly attentionMask: Value;
  /** What `memory` returned. */
  readonly memory: ReadonlyMap<string, Value>;
  /** What the last step returned as `present`; null where the tokens are the first. */
  readonly past: ReadonlyMap<string, Value> | null;
}

/** What one step of generating gives. */
export interface DecodingStep {
  /** [batch*target, hiddenSize] */
  readonly hidden: Value;
  /** Keys and values of all tokens so far. */
  readonly present: ReadonlyMap<string, Value>;
}

/** How a family continues sequences token by token, with keys and values kept from step to step. */
export interface Decoding<C extends ModelConfig = ModelConfig> {
  /** What follows from the input alone and serves every step, the batch as first axis. */
  memory(scope: ModuleScope, config: C, inputs: BackboneInputs): ReadonlyMap<string, Value>;
  /**
   * Names and shapes of what a step keeps for the next: `batch` is the first axis, `past` how many
   * tokens there were.
   */
  past(config: C): ReadonlyMap<string, Shape>;
  /** Reads tokens after those of `past`. */
  step(scope: ModuleScope, config: C, inputs: DecodingInputs): DecodingStep;
}

/** One model family, `model_type` in config.json. */
export interface Architecture<C extends ModelConfig = ModelConfig> {
  readonly modelType: string;
  /**
   * Name of the backbone inside a model with a head, which checkpoints of the bare backbone leave
   * out: `bert`. Empty where there is none.
   */
  readonly backboneName: string;
  /**
   * The Hugging Face class for a task, as config.json names it. Tasks that are not there have no
   * head in this family.
   */
  readonly classNames: Readonly<Partial<Record<TaskKind, string>>>;
  /** Reads config.json. Throws naming the field. */
  parseConfig(json: unknown): C;
  /**
   * @returns the last hidden state, [batch*seq, hiddenSize]; for `text2text` the decoder's,
   *   [batch*target, hiddenSize]
   */
  backbone(scope: ModuleScope, config: C, inputs: BackboneInputs): Value;
  /**
   * @param hidden what `backbone` returned
   * @returns logits: [batch, labels], [batch*seq, labels] for token-classification; over the
   *   vocabulary [batch*seq, vocab] for causal-lm, [batch*target, vocab] for text2text, [masked,
   *   vocab] for masked-lm
   */
  head(scope: ModuleScope, config: C, hidden: Value, request: HeadRequest): Value;
  /**
   * Tensors that checkpoints may hold again under another name, by that name: a decoder that is
   * tied to the word embeddings. Several checkpoints hold the other name alone.
   */
  tiedCopies(config: C): Readonly<Record<string, string>>;
  /**
   * Whether `transformers` ties the head whatever `tie_word_embeddings` says, unless a checkpoint
   * holds both tensors.
   */
  readonly tiesAlways?: true;
  /**
   * What config.json must say beside another `tie_word_embeddings`, so that the model stays the
   * same function otherwise.
   */
  besideTying?(config: C): Readonly<Record<string, unknown>>;
  /**
   * Tensors of checkpoints that follow from the configuration, beside those that many families
   * have.
   */
  readonly buffers?: readonly RegExp[];
  /** Heads of pretraining that checkpoints hold and nobody misses here. */
  readonly ignoredParameters: readonly RegExp[];
  /** What the user of this model should know, of families that are read from its files. */
  readonly notes?: readonly string[];
  /**
   * For families whose graph is part of the model's folder: writes it, when the weights are there.
   */
  readonly writeGraph?: (folder: string) => Promise<void>;
  /** For families that can generate. */
  readonly decoding?: Decoding<C>;
}
