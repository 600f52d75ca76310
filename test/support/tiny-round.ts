/**
 * @file A small BERT base model, contributions to it and the recipe of their round, made from
 *   seeds.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BaseIdentity, baseIdentity } from '../../shared/contribution/base-identity.ts';
import { packUpper } from '../../shared/contribution/gram-packing.ts';
import { writeContribution } from '../../shared/contribution/write-contribution.ts';
import { linearLayersOf } from '../../shared/models/linear-layers.ts';
import { createModel, saveModel } from '../../shared/models/model-folder.ts';
import { createRandom, deriveSeed, normal } from '../../shared/random.ts';
import type { FloatTensor } from '../../shared/tensor.ts';
import { modelWriter } from './model-writer.ts';

const layerCount = 2;
const hiddenSize = 16;
const intermediateSize = 32;
const gramRows = 64;

/** Labels of the round that `writeRecipe` describes. */
export const labels = ['negative', 'positive'];

/** How a base model differs from the usual one. */
export interface BaseShape {
  readonly seed?: number;
  /** Rows of the word embeddings; what makes a model large on the wire. */
  readonly vocabSize?: number;
}

function configJson({ vocabSize = 50 }: BaseShape) {
  return {
    model_type: 'bert',
    vocab_size: vocabSize,
    hidden_size: hiddenSize,
    num_hidden_layers: layerCount,
    num_attention_heads: 2,
    intermediate_size: intermediateSize,
    max_position_embeddings: 16,
    type_vocab_size: 2,
  };
}

/** Writes a base model folder. */
export async function writeBase(dir: string, shape: BaseShape = {}): Promise<void> {
  await mkdir(dir, { recursive: true });
  await saveModel(dir, createModel(configJson(shape), 'masked-lm', [], shape.seed ?? 1));
  await writeFile(join(dir, 'vocab.txt'), '[PAD]\n[UNK]\n');
}

/** How a contribution differs from a good one. */
export interface ContributionShape extends BaseShape {
  readonly agent: string;
  readonly base: string;
  /** Changes the weights before they are written. */
  readonly change?: (weights: Map<string, FloatTensor>) => void;
  /** A linear layer that gets no Gram. */
  readonly withoutGram?: string;
  /** The base to claim instead of `base`. */
  readonly claimedBase?: BaseIdentity;
}

/** Writes a contribution folder: random weights of the base's shapes, Grams of random inputs. */
export async function writeTinyContribution(dir: string, shape: ContributionShape): Promise<void> {
  const model = createModel(
    configJson(shape),
    'text-classification',
    labels,
    deriveSeed(shape.seed ?? 1, shape.agent),
  );
  const weights = new Map(model.weights);
  shape.change?.(weights);
  const modelFolder = `${dir}-model`;
  await mkdir(modelFolder, { recursive: true });
  await saveModel(modelFolder, { ...model, weights }, { sideFilesFrom: shape.base });
  const random = createRandom(deriveSeed(7, shape.agent));
  const layers = linearLayersOf(model).filter(({ module }) => module !== shape.withoutGram);
  const dimensions = new Map(layers.map(({ gram, module, inputs }) => [gram ?? module, inputs]));
  await writeContribution(dir, {
    writeModel: modelWriter(modelFolder, 'text-classification', labels),
    grams: [...dimensions].map(([name, dimension]) => ({
      name,
      dimension,
      rows: gramRows,
      packed: packUpper(randomGram(dimension, random), dimension),
    })),
    layers: new Map(layers.map(({ module, gram }) => [module, gram ?? module])),
    manifest: {
      agent: shape.agent,
      ...(shape.claimedBase ?? (await baseIdentity(shape.base))),
      task: 'text-classification',
      labels,
      trainingExamples: gramRows,
      statistics: { examples: gramRows, tokens: gramRows, batches: 4 },
      metrics: {},
      tool: 'regmean/test',
    },
  });
  await rm(modelFolder, { recursive: true });
}

/** Writes the recipe of a round over `base`. */
export async function writeRecipe(
  path: string,
  base: string,
  agents: readonly string[],
  more: readonly string[] = [],
): Promise<void> {
  const lines = [
    'name: reviews',
    `base: ${base}`,
    'task: text-classification',
    `labels: [${labels.join(', ')}]`,
    `agents: [${agents.join(', ')}]`,
    ...(more.some((line) => line.startsWith('merge:')) ? [] : ['merge: { method: regmean, alpha: 0.9 }']),
    ...more,
  ];
  await writeFile(path, `${lines.join('\n')}\n`);
}

/** X^T X of random rows, [dimension, dimension] row-major. */
function randomGram(dimension: number, random: () => number): Float64Array {
  const gram = new Float64Array(dimension * dimension);
  for (let row = 0; row < gramRows; row++) {
    const x = Array.from({ length: dimension }, () => normal(random));
    for (const [i, a] of x.entries()) {
      for (const [j, b] of x.entries()) gram[i * dimension + j] = (gram[i * dimension + j] as number) + a * b;
    }
  }
  return gram;
}
