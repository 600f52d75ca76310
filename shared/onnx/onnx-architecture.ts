/** @file A network from an ONNX file as a model family of its own, so that everything works on it as on the others. */
import { z } from 'zod';
import { RegmeanError } from '../errors.ts';
import { type DType, Graph, type Value } from '../graph/graph.ts';
import * as ops from '../graph/ops/index.ts';
import type { Architecture, ModelConfig } from '../models/architecture.ts';
import type { ModuleScope } from '../models/scope.ts';
import type { TaskKind } from '../task.ts';
import { formatShape } from '../tensor.ts';
import { importNetwork, type ValueTypes } from './import-graph.ts';
import { inferTypes } from './infer-types.ts';
import type { OnnxNetwork } from './network.ts';
import { onnxModelType } from './open-onnx.ts';
import { dtypeOfCode } from './tensors.ts';

/** Tokens that a network reads at most, where neither its configuration nor a table of positions says. */
const defaultMaxLength = 512;

const configSchema = z.looseObject({
  vocab_size: z.number().int().positive().optional(),
  hidden_size: z.number().int().positive().optional(),
  max_position_embeddings: z.number().int().positive().optional(),
  pad_token_id: z.number().int().nonnegative().nullish(),
});

/** A family of one network. */
export interface OnnxArchitecture extends Architecture {
  /** Columns of the logits, which no task or label can change. */
  readonly outputs: number;
}

/**
 * Makes a model family of a network.
 *
 * @throws RegmeanError `unsupported` when it cannot be imported, naming the node, or its output are no logits
 */
export async function onnxArchitecture(network: OnnxNetwork): Promise<OnnxArchitecture> {
  const trial = (types: ValueTypes | null): Trial | null => {
    const graph = new Graph();
    const scope: ModuleScope = {
      build: { graph, dropout: null, declarations: new Map() },
      prefix: '',
      inHead: false,
    };
    const logits = importNetwork(scope, network, declaredInputs(graph, network), types);
    return logits === null ? null : { graph, logits };
  };
  let types: ValueTypes | null = null;
  let first = trial(null);
  if (first === null) {
    types = await inferTypes(network);
    first = trial(types);
  }
  if (first === null) throw new RegmeanError('unsupported', `${network.source.path}: cannot be imported`);
  const { path } = network.source;
  const { perToken, outputs } = kindOfLogits(path, first.logits);
  const limits = limitsOf(first.graph);
  const tokenClass: Partial<Record<TaskKind, string>> = {
    'token-classification': 'ORTModelForTokenClassification',
  };
  const sequenceClass = 'ORTModelForSequenceClassification';
  return {
    modelType: onnxModelType,
    backboneName: '',
    outputs,
    classNames: perToken
      ? tokenClass
      : {
          'text-classification': sequenceClass,
          'multi-label-classification': sequenceClass,
          regression: sequenceClass,
        },
    ignoredParameters: [],
    parseConfig: (json): ModelConfig => {
      const config = configSchema.parse(json);
      return {
        vocabSize: limits.vocabSize ?? config.vocab_size ?? Number.MAX_SAFE_INTEGER,
        hiddenSize: config.hidden_size ?? 0,
        maxLength: Math.min(
          config.max_position_embeddings ?? limits.positions ?? defaultMaxLength,
          limits.positions ?? Number.POSITIVE_INFINITY,
        ),
        padTokenId: config.pad_token_id ?? 0,
        initializerRange: 0.02,
        equalLengths: !network.inputs.some(({ name }) => name === 'attention_mask'),
      };
    },
    backbone: (scope, _, { inputIds, attentionMask, tokenTypeIds }) => {
      const given: Readonly<Record<string, Value>> = {
        input_ids: inputIds,
        attention_mask: attentionMask,
        token_type_ids: tokenTypeIds,
      };
      const inputs = new Map(
        network.inputs.map(({ name, type }) => {
          const dtype = inputType(path, name, type?.tensorType?.elemType);
          return [name, ops.cast(given[name] as Value, dtype)];
        }),
      );
      const logits = importNetwork(scope, network, inputs, types);
      if (logits === null) throw new RegmeanError('unsupported', `${path}: cannot be imported`);
      return ops.reshape(logits, [perToken ? 'batch*seq' : 'batch', outputs]);
    },
    head: (_, __, logits, { labelCount }) => {
      if (labelCount === outputs) return logits;
      throw new RegmeanError('usage', `${path}: has ${outputs} outputs, got ${labelCount} labels`, {
        hint: `the head of an ONNX network cannot be renewed: name ${outputs} labels with --labels or in config.json`,
      });
    },
  };
}

interface Trial {
  readonly graph: Graph;
  readonly logits: Value;
}

function declaredInputs(graph: Graph, { inputs, source }: OnnxNetwork): ReadonlyMap<string, Value> {
  return new Map(
    inputs.map(({ name, type }) => {
      const dtype = inputType(source.path, name, type?.tensorType?.elemType);
      return [name, graph.input(name, dtype, ['batch', 'seq'])];
    }),
  );
}

function inputType(path: string, name: string, code: number | undefined): DType {
  const dtype = dtypeOfCode(code);
  if (dtype !== undefined) return dtype;
  throw new RegmeanError(
    'unsupported',
    `${path}: ${name} has an element type that is not supported (${code})`,
  );
}

/** What the rows of logits are: examples or tokens. */
function kindOfLogits(path: string, logits: Value): { readonly perToken: boolean; readonly outputs: number } {
  const [rows, second, third] = logits.shape;
  const rank = logits.shape.length;
  if (rank === 1 && rows === 'batch') return { perToken: false, outputs: 1 };
  if (rank === 2 && typeof second === 'number') return { perToken: false, outputs: second };
  if (rank === 3 && rows !== 'seq' && typeof third === 'number') return { perToken: true, outputs: third };
  throw new RegmeanError(
    'unsupported',
    `${path}: logits must be [batch, labels] or [batch, tokens, labels], got ${formatShape(logits.shape)}`,
  );
}

/** How many tokens and positions the network's tables have: tables read by the tokens, and by nothing that comes from them. */
function limitsOf(graph: Graph): { readonly vocabSize?: number; readonly positions?: number } {
  const fed = new Set<Value>(graph.inputs.filter(({ role }) => role === 'input'));
  let vocabSize: number | undefined;
  let positions: number | undefined;
  for (const { op, inputs, outputs } of graph.nodes) {
    const [table, indices] = inputs;
    // Sizes of what is fed are not what is fed.
    if (op.type !== 'Shape' && inputs.some((value) => value !== null && fed.has(value))) {
      for (const output of outputs) fed.add(output);
    }
    if (op.type !== 'Gather' || table?.role !== 'parameter' || indices === undefined || indices === null)
      continue;
    const rows = Number(table.shape[0]);
    if (indices.name === 'input_ids') vocabSize = rows;
    else if (!fed.has(indices) && indices.shape.includes('seq'))
      positions = Math.min(positions ?? rows, rows);
  }
  return {
    ...(vocabSize === undefined ? {} : { vocabSize }),
    ...(positions === undefined ? {} : { positions }),
  };
}
