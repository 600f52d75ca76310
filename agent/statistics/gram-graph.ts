/**
 * @file The graph that collects Grams: a model's forward pass with every linear layer's input
 *   tapped, and panels of X^T X. What is asked of normalisation layers is of the same pass
 *   (`norm-taps.ts`).
 */
import type { NormSums } from '../../shared/contribution/write-norms.ts';
import { RegmeanError } from '../../shared/errors.ts';
import * as ops from '../../shared/graph/ops/index.ts';
import { multiplied } from '../../shared/graph/sizes.ts';
import { flatRows, rowKindOf } from '../../shared/models/layer-rows.ts';
import { findLinearLayers, type LinearGroup } from '../../shared/models/linear-layers.ts';
import { buildModelGraph, type ModelIdentity } from '../../shared/models/model-graph.ts';
import { createSingleTokenSearch } from '../../shared/models/single-tokens.ts';
import type { Compute } from '../../shared/runtime/compute.ts';
import { createSession, type RunTensor, type Session } from '../../shared/runtime/session.ts';
import { type GramPanel, gramPanels } from './gram-panels.ts';
import { tapNorms } from './norm-taps.ts';
import type { PositionRowsChoice } from './statistics-options.ts';

/**
 * Rows of a batch that count: of the flattened tokens and of the flattened targets' tokens, those
 * that are no padding.
 */
export interface GramRows {
  readonly tokens: Int32Array;
  /** Empty where there are no targets. */
  readonly targets: Int32Array;
}

/** How many rows there are. */
export interface GramRowCounts {
  readonly tokens: number;
  readonly targets: number;
  readonly sequences: number;
  /** Every batch reads the rows of a relative-position table once. */
  readonly batches: number;
}

/** The pass over one batch. */
export interface GramPass {
  readonly panels: readonly GramPanel[];
  readonly groups: readonly LinearGroup[];
  /** Names of the groups whose rows are each of a single token. */
  readonly singleTokens: ReadonlySet<string>;
  /**
   * Parameters of two or more axes without a Gram, tables aside, which merging averages: kernels of
   * convolutions, weights multiplied from the left or in both orientations, layers whose rows are
   * neither tokens nor sequences.
   */
  readonly leftOut: readonly string[];
  /** Scales of normalisation layers without sums, where these are asked for. */
  readonly normsLeftOut: readonly string[];
  /**
   * How many rows a group's activations have in all its uses, of which there are so many in the
   * data.
   */
  rowsOf(group: LinearGroup, counts: GramRowCounts): number;
  /** The sums of normalisation layers so far; undefined where they are not asked for. */
  normSums(counts: GramRowCounts): readonly NormSums[] | undefined;
  /** Adds a batch's products to the panels, of the rows that count. */
  run(feeds: ReadonlyMap<string, RunTensor>, rows: GramRows): Promise<void>;
  dispose(): Promise<void>;
}

/** What counts. */
export interface GramGraphOptions {
  /** Default `excluded`. */
  readonly positionRows?: PositionRowsChoice;
  /** Whether Grams are; default true. */
  readonly grams?: boolean;
  /** Whether normalisation layers are; default false. */
  readonly norms?: boolean;
}

/**
 * Builds the pass for a model, dropout off.
 *
 * @throws RegmeanError `unsupported` for a model without linear layers, or without normalisation
 *   layers where these are asked for
 */
export async function createGramPass(
  model: ModelIdentity,
  parameters: ReadonlyMap<string, RunTensor>,
  compute: Compute,
  { positionRows, grams = true, norms = false }: GramGraphOptions = {},
): Promise<GramPass> {
  const built = buildModelGraph(model, { withLoss: false, dropoutSeed: null });
  const { graph } = built;
  const rowInputs = {
    tokens: graph.input('token_rows', 'int32', ['tokens']),
    targets: graph.input('target_rows', 'int32', ['targets']),
  };
  const taps = norms ? tapNorms(built, rowInputs) : undefined;
  const { groups, withoutGram: leftOut } = grams ? findLinearLayers(built, positionRows) : noGrams;
  if (grams && groups.length === 0) throw noLinearLayers(leftOut);
  const panels = gramPanels(graph);
  for (const group of groups) {
    const uses = group.inputs.map((input) => {
      const kind = rowKindOf(input);
      const rows = flatRows(input);
      return kind === 'tokens' || kind === 'targets' ? ops.gather(rows, rowInputs[kind]) : rows;
    });
    panels.add(group.name, inputSize(group), uses);
  }
  const session: Session = await createSession(graph, compute);

  const isOfSingleTokens = createSingleTokenSearch();
  const singleTokens = new Set(
    groups.filter(({ inputs }) => inputs.every(isOfSingleTokens)).map(({ name }) => name),
  );

  return {
    panels: panels.panels,
    groups,
    singleTokens,
    leftOut,
    normsLeftOut: taps?.leftOut ?? [],
    normSums: (counts) => taps?.sums((kind) => (kind === 'positions' ? counts.batches : counts[kind])),
    rowsOf: (group, counts) =>
      group.inputs.reduce((sum, input) => {
        const kind = rowKindOf(input);
        if (kind === null) return sum;
        if (kind !== 'positions') return sum + counts[kind];
        return sum + Number(multiplied(input.shape.slice(0, -1))) * counts.batches;
      }, 0),
    async run(feeds, { tokens, targets }) {
      const all = new Map<string, RunTensor>([
        ...parameters,
        ...feeds,
        ...panels.feeds,
        ['token_rows', { shape: [tokens.length], data: tokens }],
        ['target_rows', { shape: [targets.length], data: targets }],
      ]);
      const results = await session.run(all, panels.into);
      taps?.add(results);
    },
    dispose: () => session.dispose(),
  };
}

const noGrams = { groups: [], withoutGram: [] };

function noLinearLayers(leftOut: readonly string[]): RegmeanError {
  const others = leftOut.length === 0 ? '' : ` with Grams (${leftOut.join(', ')} cannot have one)`;
  return new RegmeanError('unsupported', `Grams: the network must have linear layers${others}, has none`, {
    hint: 'collect Fisher information instead: `regmean stats --no-grams --fisher empirical`',
  });
}

function inputSize({ name, inputs }: LinearGroup): number {
  const size = inputs[0]?.shape.at(-1);
  if (typeof size === 'number') return size;
  throw new RegmeanError('unsupported', `${name}: the input size must be known, got ${size}`);
}
