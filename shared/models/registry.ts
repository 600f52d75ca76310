import { RegmeanError } from '../errors.ts';
import { albert } from './albert.ts';
import type { Architecture, Decoding, ModelConfig } from './architecture.ts';
import { bert } from './bert.ts';
import { requireComputedFields } from './config-fields.ts';
import { debertaV2 } from './deberta-v2.ts';
import { distilbert } from './distilbert.ts';
import { electra } from './electra.ts';
import { gpt2 } from './gpt2.ts';
import { llama, mistral } from './llama.ts';
import { modernBert } from './modernbert.ts';
import { mpnet } from './mpnet.ts';
import { mt5 } from './mt5.ts';
import { qwen2 } from './qwen2.ts';
import { qwen3 } from './qwen3.ts';
import { roberta } from './roberta.ts';
import { t5 } from './t5.ts';
import { xlmRoberta } from './xlm-roberta.ts';

/**
 * Forgets the concrete config type: a config only ever goes back to the architecture that parsed
 * it.
 */
function register<C extends ModelConfig>(architecture: Architecture<C>): Architecture {
  return {
    ...architecture,
    parseConfig(json) {
      requireComputedFields(json);
      return architecture.parseConfig(json);
    },
    ...(architecture.besideTying === undefined
      ? {}
      : { besideTying: (config: ModelConfig) => architecture.besideTying?.(config as C) ?? {} }),
    backbone: (scope, config, inputs) => architecture.backbone(scope, config as C, inputs),
    tiedCopies: (config) => architecture.tiedCopies(config as C),
    head: (scope, config, hidden, request) => architecture.head(scope, config as C, hidden, request),
    ...(architecture.decoding === undefined ? {} : { decoding: registerDecoding(architecture.decoding) }),
  };
}

function registerDecoding<C extends ModelConfig>(decoding: Decoding<C>): Decoding {
  return {
    memory: (scope, config, inputs) => decoding.memory(scope, config as C, inputs),
    past: (config) => decoding.past(config as C),
    step: (scope, config, inputs) => decoding.step(scope, config as C, inputs),
  };
}

const architectures = new Map(
  [
    register(bert),
    register(roberta),
    register(xlmRoberta),
    register(distilbert),
    register(debertaV2),
    register(electra),
    register(albert),
    register(t5),
    register(mt5),
    register(gpt2),
    register(llama),
    register(mistral),
    register(qwen2),
    register(qwen3),
    register(mpnet),
    register(modernBert),
  ].map((architecture) => [architecture.modelType, architecture]),
);

/** Every `model_type` that `architectureOf` knows. */
export const modelTypes: readonly string[] = [...architectures.keys()];

/** Whether `architectureOf` knows a `model_type`. */
export function isKnownArchitecture(modelType: unknown): boolean {
  return architectures.has(String(modelType));
}

/** The architecture of a `model_type`. Throws naming those there are. */
export function architectureOf(modelType: unknown): Architecture {
  const architecture = architectures.get(String(modelType));
  if (architecture === undefined) {
    throw new RegmeanError(
      'unsupported',
      `config.json: model_type must be one of ${modelTypes.join(', ')}, got ${modelType}`,
    );
  }
  return architecture;
}
