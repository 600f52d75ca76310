import type { LayerWeight } from '../../shared/contribution/layer-weights.ts';
import type { Gram } from '../../shared/contribution/write-grams.ts';
import type { NormSums } from '../../shared/contribution/write-norms.ts';
import { batchesOf, type Pass } from '../../shared/examples/batches-of.ts';
import type { Batch, EncodedExample } from '../../shared/examples/example.ts';
import { batchFeeds } from '../../shared/examples/feeds.ts';
import { lengthsOf, planBatches } from '../../shared/examples/plan-batches.ts';
import type { InputSpec } from '../../shared/models/input-spec.ts';
import type { Model } from '../../shared/models/model-folder.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import { ignoredLabel, type TaskKind } from '../../shared/task.ts';
import { batchesPerDrain, createGramAccumulator } from './gram-accumulator.ts';
import { createGramPass, type GramRowCounts, type GramRows } from './gram-graph.ts';
import { requireFinite } from './require-finite.ts';
import type { PaddingChoice, PositionRowsChoice } from './statistics-options.ts';

/** How the pass walks over the data. */
export interface GramPassOptions {
  /** The most batches that are read; a seeded random part of the data when it has more. */
  readonly batches: number;
  readonly batchSize: number;
  /** Default `excluded`. */
  readonly padding?: PaddingChoice;
  /** Default `excluded`. */
  readonly positionRows?: PositionRowsChoice;
  /** Whether Grams are collected; default true. */
  readonly grams?: boolean;
  /** Whether sums of normalisation layers are; default false. */
  readonly norms?: boolean;
  readonly seed: number;
}

/** What the Gram pass tells of a model over examples. */
export interface CollectedGrams {
  readonly grams: readonly Gram[];
  /** Names of the Grams whose rows are each of a single token. */
  readonly singleTokens: ReadonlySet<string>;
  /** Module name of every linear layer -> name of its Gram. */
  readonly layers: ReadonlyMap<string, string>;
  /** Module name of every linear layer -> its weight. */
  readonly weights: ReadonlyMap<string, LayerWeight>;
  /** Of every normalisation layer; absent where it is not asked for. */
  readonly norms?: readonly NormSums[];
  readonly examples: number;
  readonly tokens: number;
  readonly batches: number;
}

/**
 * Computes X^T X of every linear layer's input X over examples (paper, Section 3.3), and what is
 * asked of normalisation layers.
 */
export async function collectGrams(
  model: Model,
  examples: readonly EncodedExample[],
  options: GramPassOptions,
  context: RunContext,
): Promise<CollectedGrams> {
  const walk = gramBatches(examples, { task: model.task, inputs: model.config.inputs }, options);
  const pass = await createGramPass(model, model.weights, context.compute, options);
  if (pass.leftOut.length > 0) {
    const names = pass.leftOut.join(', ');
    context.note(`Grams: none of ${names}: merging averages them`);
  }
  if (pass.normsLeftOut.length > 0) {
    context.note(`norms: none of ${pass.normsLeftOut.join(', ')}: merging averages them`);
  }
  const accumulator = createGramAccumulator(pass.panels);
  let tokens = 0;
  let rows: GramRowCounts = { tokens: 0, targets: 0, sequences: 0, batches: 0 };
  try {
    for await (const batch of batchesOf(examples, walk, context)) {
      const counted = options.padding === 'included' ? allRows(batch) : withoutPadding(batch);
      await pass.run(batchFeeds(batch, model.task), counted);
      tokens += batch.tokens;
      rows = {
        tokens: rows.tokens + counted.tokens.length,
        targets: rows.targets + counted.targets.length,
        sequences: rows.sequences + batch.batchSize,
        batches: rows.batches + 1,
      };
      if (rows.batches % batchesPerDrain === 0) accumulator.drain();
    }
    accumulator.drain();
  } finally {
    await pass.dispose();
  }

  const dimensions = new Map(pass.panels.map((panel) => [panel.gram, panel.dimension]));
  const grams = pass.groups.map((group): Gram => {
    const packed = accumulator.packed(group.name);
    requireFinite(`Grams: ${group.name}`, packed);
    return {
      name: group.name,
      dimension: dimensions.get(group.name) ?? 0,
      rows: pass.rowsOf(group, rows),
      packed,
    };
  });
  const layers = new Map(
    pass.groups.flatMap((group) => group.layers.map(({ module }) => [module, group.name])),
  );
  const weights = new Map(
    pass.groups.flatMap((group) =>
      group.layers.map(({ module, weight, orientation }) => [module, { parameter: weight, orientation }]),
    ),
  );
  const norms = pass.normSums(rows);
  for (const { scale, sums } of norms ?? []) requireFinite(`norms: ${scale}`, sums);
  return {
    ...{
      grams,
      singleTokens: pass.singleTokens,
      layers,
      weights,
      examples: rows.sequences,
      tokens,
      batches: walk.plan.length,
    },
    ...(norms === undefined ? {} : { norms }),
  };
}

/** The batches that Grams are of. */
export function gramBatches(
  examples: readonly EncodedExample[],
  { task, inputs }: { readonly task: TaskKind; readonly inputs: InputSpec },
  { batchSize, seed, batches, grams }: GramPassOptions,
): Pass {
  const { equalLengths } = inputs;
  const plan = planBatches(lengthsOf(examples), { batchSize, seed, epoch: 0, equalLengths });
  const name = grams === false ? 'collecting sums of normalisation layers' : 'collecting Grams';
  return { name, plan: plan.slice(0, batches), task, inputs };
}

/** Every row of the flattened batch. */
function allRows({ batchSize, seqLength, decoder }: Batch): GramRows {
  const count = (length: number): Int32Array => Int32Array.from({ length }, (_, row) => row);
  return { tokens: count(batchSize * seqLength), targets: count(batchSize * (decoder?.targetLength ?? 0)) };
}

/** Rows of the flattened batch that are tokens: in targets, those with a label. */
function withoutPadding({ attentionMask, decoder, labels }: Batch): GramRows {
  const tokens = positionsWhere(attentionMask, (flag) => flag === 1);
  const isTarget = decoder !== undefined && labels !== null;
  return {
    tokens,
    targets: isTarget ? positionsWhere(labels, (label) => label !== ignoredLabel) : new Int32Array(0),
  };
}

function positionsWhere(
  values: Int32Array | Float32Array,
  holds: (value: number) => boolean,
): Int32Array<ArrayBuffer> {
  const positions = new Int32Array(values.length);
  let count = 0;
  for (const [position, value] of values.entries()) if (holds(value)) positions[count++] = position;
  return positions.slice(0, count);
}
