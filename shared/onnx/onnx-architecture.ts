/**
 * @file A network from an ONNX file as a model family of its own, so that everything works on it as
 *   on the others.
 */

import { RegmeanError } from '../errors.ts';
import { Graph, type Value } from '../graph/graph.ts';
import * as ops from '../graph/ops/index.ts';
import type { Size } from '../graph/sizes.ts';
import type { Architecture, ModelConfig } from '../models/architecture.ts';
import { axes } from '../models/axes.ts';
import type { ModuleScope } from '../models/scope.ts';
import { isLanguageTask, type LogitRows } from '../task.ts';
import { formatShape } from '../tensor.ts';
import { z } from '../zod.ts';
import { importNetwork } from './import-graph.ts';
import { inferTypes } from './infer-types.ts';
import { inputValue } from './inputs.ts';
import type { OnnxNetwork } from './network.ts';
import { onnxModelType } from './open-onnx.ts';
import type { ValueTypes } from './operators/opaque.ts';
import { tableLimits } from './table-limits.ts';

/**
 * Tokens that a network reads at most, where neither its configuration nor a table of positions
 * says.
 */
const defaultMaxLength = 512;

const tokenId = z.int().nonnegative();
const configSchema = z.looseObject({
  vocab_size: z.int().positive().optional(),
  hidden_size: z.int().positive().optional(),
  max_position_embeddings: z.int().positive().optional(),
  pad_token_id: tokenId.nullish(),
  decoder_start_token_id: tokenId.nullish(),
  eos_token_id: z.union([tokenId, z.array(tokenId)]).nullish(),
});

/** A family of one network. */
export interface OnnxArchitecture extends Architecture {
  /** Columns of the logits, which no task or label can change. */
  readonly outputs: number;
  /** Whether they are the words of the vocabulary. */
  readonly overVocabulary: boolean;
}

/**
 * Makes a model family of a network.
 *
 * @throws RegmeanError `unsupported` when it cannot be imported, naming the node, or its output are
 *   no logits
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
  const { rows, outputs } = kindOfLogits(path, first.logits);
  const limits = await tableLimits(first.graph);
  const features = network.inputs.find(({ role }) => role === 'features');
  const overVocabulary = rows === 'target' || outputs === limits.vocabSize;
  return {
    modelType: onnxModelType,
    backboneName: '',
    outputs,
    overVocabulary,
    classNames: classNamesOf(rows, overVocabulary),
    tiedCopies: () => ({}),
    ignoredParameters: [],
    notes: network.notes,
    parseConfig: (json): ModelConfig => {
      const config = configSchema.parse(json);
      const start = config.decoder_start_token_id ?? config.pad_token_id;
      return {
        inputs: {
          vocabSize: limits.vocabSize ?? config.vocab_size ?? Number.MAX_SAFE_INTEGER,
          ...(limits.typeVocabSize === undefined ? {} : { typeVocabSize: limits.typeVocabSize }),
          maxLength: Math.min(
            config.max_position_embeddings ?? limits.positions ?? defaultMaxLength,
            limits.positions ?? Number.POSITIVE_INFINITY,
          ),
          padTokenId: config.pad_token_id ?? 0,
          ...(typeof start === 'number' ? { decoderStartTokenId: start } : {}),
          endTokenIds: [config.eos_token_id ?? []].flat(),
          equalLengths:
            features === undefined && !network.inputs.some(({ role }) => role === 'attention_mask'),
          ...(features === undefined ? {} : { features: Number(features.shape[1]) }),
        },
        hiddenSize: config.hidden_size ?? 0,
        initializerRange: 0.02,
      };
    },
    backbone: (scope, _, given) => {
      const inputs = new Map(network.inputs.map((input) => [input.name, inputValue(input, given)]));
      const logits = importNetwork(scope, network, inputs, types);
      if (logits === null) throw new RegmeanError('unsupported', `${path}: cannot be imported`);
      return ops.reshape(logits, [flatRows[rows], outputs]);
    },
    head: (_, __, logits, { task, labelCount }) => {
      if (isLanguageTask(task) || (labelCount === outputs && (task !== 'regression' || outputs === 1)))
        return logits;
      if (task === 'regression') {
        throw new RegmeanError('usage', `${path}: regression needs one output, has ${outputs}`);
      }
      throw new RegmeanError('usage', `${path}: has ${outputs} outputs, got ${labelCount} classes`, {
        hint: `the head of an ONNX network cannot be renewed: name ${outputs} labels with --labels or in config.json`,
      });
    },
  };
}

/** The rows that a network's logits may have. */
type NetworkRows = Exclude<LogitRows, 'masked'>;

const flatRows: Readonly<Record<NetworkRows, Size>> = {
  sequence: axes.batch,
  token: axes.tokens,
  target: axes.targetTokens,
};

function classNamesOf(rows: NetworkRows, overVocabulary: boolean): Architecture['classNames'] {
  switch (rows) {
    case 'target':
      return { text2text: 'ORTModelForSeq2SeqLM' };
    case 'token':
      return {
        'token-classification': 'ORTModelForTokenClassification',
        ...(overVocabulary ? { 'causal-lm': 'ORTModelForCausalLM' } : {}),
      };
    case 'sequence': {
      const name = 'ORTModelForSequenceClassification';
      return { 'text-classification': name, 'multi-label-classification': name, regression: name };
    }
  }
}

interface Trial {
  readonly graph: Graph;
  readonly logits: Value;
}

function declaredInputs(graph: Graph, { inputs }: OnnxNetwork): ReadonlyMap<string, Value> {
  return new Map(inputs.map(({ name, role, dtype, shape }) => [name, graph.input(role, dtype, shape)]));
}

/** What the rows of logits are: examples, their tokens, or the tokens of their targets. */
function kindOfLogits(path: string, logits: Value): { readonly rows: NetworkRows; readonly outputs: number } {
  const [first, second, third] = logits.shape;
  const rank = logits.shape.length;
  if (rank === 1 && first === axes.batch) return { rows: 'sequence', outputs: 1 };
  if (rank === 2 && typeof second === 'number') return { rows: 'sequence', outputs: second };
  if (rank === 3 && first !== axes.seq && typeof third === 'number') {
    const ofTarget = logits.graph.inputs.some(({ name }) => name === 'decoder_input_ids');
    return { rows: ofTarget ? 'target' : 'token', outputs: third };
  }
  throw new RegmeanError(
    'unsupported',
    `${path}: logits must be [batch, labels] or [batch, tokens, labels], got ${formatShape(logits.shape)}`,
  );
}
