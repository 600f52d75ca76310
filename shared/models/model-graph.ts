/**
 * @file Assembles the graph of a model with a head: inputs, encoder, logits, and a loss when asked
 *   for.
 */
import { RegmeanError } from '../errors.ts';
import { Graph, type Value } from '../graph/graph.ts';
import type { TaskKind } from '../task.ts';
import type { Architecture, ModelConfig } from './architecture.ts';
import type { HeadOutputs } from './classes.ts';
import { labelsInput, taskLoss } from './loss.ts';
import type { WeightUpdates } from './low-rank.ts';
import type { ModelBuild, ParameterDeclaration } from './scope.ts';

/** Which model: family, configuration, and the task that its head is for. */
export interface ModelIdentity extends HeadOutputs {
  readonly architecture: Architecture;
  readonly config: ModelConfig;
  readonly task: TaskKind;
  /** Weights that have an update of low rank beside them; none when absent. */
  readonly updates?: WeightUpdates;
}

/**
 * A model's graph. Feeds are named `input_ids`, `attention_mask`, `token_type_ids`,
 * `decoder_input_ids`, `features`, `labels`, `masked_positions`.
 */
export interface ModelGraph {
  readonly graph: Graph;
  /** What the backbone returns: the last hidden states, [batch*seq, hidden] of encoders. */
  readonly hidden: Value;
  /** [rows, labels] or, for language tasks, [rows, vocab]; `logitRowsOf` says what the rows are. */
  readonly logits: Value;
  /** A scalar; null in graphs for inference. */
  readonly loss: Value | null;
  /** Every parameter under its Hugging Face name, in the order of the model. */
  readonly parameters: ReadonlyMap<string, ParameterDeclaration>;
}

/** What a graph is built for. `dropoutSeed` null builds it without dropout. */
export interface ModelGraphPurpose {
  readonly withLoss: boolean;
  readonly dropoutSeed: number | null;
}

/**
 * Builds the graph of a model. No outputs are marked yet.
 *
 * @throws RegmeanError `unsupported` when the family has no head for the task
 */
export function buildModelGraph(model: ModelIdentity, purpose: ModelGraphPurpose): ModelGraph {
  requireTask(model);
  const graph = new Graph();
  const inputs = {
    inputIds: graph.input('input_ids', 'int32', ['batch', 'seq']),
    attentionMask: graph.input('attention_mask', 'int32', ['batch', 'seq']),
    tokenTypeIds: graph.input('token_type_ids', 'int32', ['batch', 'seq']),
    decoderInputIds:
      model.task === 'text2text' ? graph.input('decoder_input_ids', 'int32', ['batch', 'target']) : null,
    features:
      model.config.inputs.features === undefined
        ? null
        : graph.input('features', 'float32', ['batch', model.config.inputs.features]),
  };
  const labelCount = model.outputs;
  const maskedPositions =
    model.task === 'masked-lm' ? graph.input('masked_positions', 'int32', ['masked']) : null;
  const labels = purpose.withLoss ? labelsInput(graph, model.task, labelCount) : null;

  const build: ModelBuild = {
    graph,
    dropout: purpose.dropoutSeed === null ? null : { seed: purpose.dropoutSeed },
    declarations: new Map(),
    updates: model.updates,
  };
  const scope = { build, prefix: '', inHead: false };
  const hidden = model.architecture.backbone(scope, model.config, inputs);
  const logits = model.architecture.head({ ...scope, inHead: true }, model.config, hidden, {
    task: model.task,
    labelCount,
    maskedPositions,
    inputIds: inputs.inputIds,
    attentionMask: inputs.attentionMask,
  });
  const loss = labels === null ? null : taskLoss(model.task, logits, labels);
  return { graph, hidden, logits, loss, parameters: build.declarations };
}

function requireTask({ architecture, task }: ModelIdentity): void {
  if (architecture.classNames[task] !== undefined) return;
  const known = Object.keys(architecture.classNames).join(', ');
  throw new RegmeanError(
    'unsupported',
    `${architecture.modelType}: has no head for ${task} here, only for ${known}`,
  );
}
