/** @file How large the files of a contribution to a given base model can be at most. */
import { hasOutputGram, outputGramsFile } from '../../shared/contribution/output-grams.ts';
import { gramsFile } from '../../shared/contribution/write-grams.ts';
import { normsFile } from '../../shared/contribution/write-norms.ts';
import type { LinearLayer } from '../../shared/models/linear-layers.ts';
import type { TaskKind } from '../../shared/task.ts';

/** The most bytes that a file of this name may have. */
export type UploadLimits = (name: string) => number;

/** What limits follow from. */
export interface LimitedModel {
  /** Shape of every parameter of the base. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** The linear layers with the round's head; null for a model family that is not known. */
  readonly layers: readonly LinearLayer[] | null;
  /** What the head is for: a language model's has no output Gram. */
  readonly task: TaskKind;
  /** Where the layers are not known: the size of the vocabulary, which no layer's input has. */
  readonly vocabSize?: number | undefined;
}

const mebibyte = 1024 * 1024;
/** Tokenizer, configuration and text files; the largest vocabularies in use stay under 40 MiB. */
const smallFileBytes = 64 * mebibyte;
/** Room for a safetensors header and for a task head that the base model does not have. */
const slackBytes = 64 * mebibyte;
/** Room for the header of a file of statistics: each layer is named in it up to four times. */
const headerBytes = { least: mebibyte, perLayer: 2048 } as const;
/** Statistics may come as float64. */
const bytesPerElement = 8;

/**
 * Limits of a round's base model: weights and Fisher information may have one element per
 * parameter; Grams may be square, one for every linear layer that has one, although agents of this
 * project send packed ones, of inputs one for all layers that share an input; sums of normalisation
 * layers two numbers per feature.
 */
export function limitsFor(model: LimitedModel): UploadLimits {
  let parameters = 0;
  for (const shape of model.shapes.values()) parameters += shape.reduce((product, dim) => product * dim, 1);
  const weightBytes = parameters * bytesPerElement + slackBytes;
  const limits = new Map([
    [gramsFile, gramLimit(gramSizes(model, 'inputs'))],
    [outputGramsFile, gramLimit(gramSizes(model, 'outputs'))],
    [normsFile, normLimit([...model.shapes.values()])],
  ]);
  return (name) => {
    const bytes = limits.get(name);
    if (bytes !== undefined) return bytes;
    return name.endsWith('.safetensors') ? weightBytes : smallFileBytes;
  };
}

function gramLimit(dimensions: readonly number[]): number {
  const elements = dimensions.reduce((sum, dimension) => sum + dimension ** 2, 0);
  const header = headerBytes.least + dimensions.length * headerBytes.perLayer;
  return elements * bytesPerElement + header;
}

/** Any parameter with one axis may be the scale of a normalisation layer. */
function normLimit(shapes: readonly (readonly number[])[]): number {
  const sizes = shapes.flatMap((shape) => (shape.length === 1 ? (shape[0] ?? 0) : []));
  const elements = sizes.reduce((sum, size) => sum + 2 * size, 0);
  return elements * bytesPerElement + headerBytes.least + sizes.length * headerBytes.perLayer;
}

/**
 * The size of every layer that may have a Gram. Of a family that is not known it is the larger side
 * of every matrix that is not the vocabulary's, which has no Gram of its outputs either.
 */
function gramSizes(
  { shapes, layers, task, vocabSize }: LimitedModel,
  side: 'inputs' | 'outputs',
): readonly number[] {
  if (layers !== null) {
    return layers.flatMap((layer) => {
      const has = layer.gram !== null && (side === 'inputs' || hasOutputGram(layer, task));
      return has ? [layer[side]] : [];
    });
  }
  return [...shapes.values()].flatMap((shape) => {
    const sides = shape.filter((side) => side !== vocabSize);
    return shape.length === 2 && sides.length > 0 ? [Math.max(...sides)] : [];
  });
}
