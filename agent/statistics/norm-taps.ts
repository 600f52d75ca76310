/**
 * @file What the Gram pass tells of normalisation layers: their normalised inputs x^, summed over
 *   rows with and without squares. The same operator gives x^, with ones as its scale and nothing
 *   added. Sums are float64 from the first row on: where a feature is nearly the same in all rows,
 *   what tells them apart is a small difference of the two.
 */
import type { NormSums } from '../../shared/contribution/write-norms.ts';
import { RegmeanError } from '../../shared/errors.ts';
import type { Node, Value } from '../../shared/graph/graph.ts';
import * as ops from '../../shared/graph/ops/index.ts';
import { multiplied } from '../../shared/graph/sizes.ts';
import { type InputLayout, inputLayout, type RowKind, rowsApart } from '../../shared/models/layer-rows.ts';
import type { ModelGraph } from '../../shared/models/model-graph.ts';
import { findNormLayers, type UsedNormLayer } from '../../shared/models/norm-layers.ts';
import type { RunTensor } from '../../shared/runtime/session.ts';

/** The sums of a model's normalisation layers, as outputs of its graph. */
export interface NormTaps {
  /** Scales of layers without sums, which merging averages. */
  readonly leftOut: readonly string[];
  /** Adds what a run gave. */
  add(results: ReadonlyMap<string, RunTensor>): void;
  /** All sums so far. */
  sums(rowsOf: RowsOf): readonly NormSums[];
}

/** How many rows of a kind were summed; of positions, how often. */
export type RowsOf = (kind: RowKind) => number;

/**
 * Adds the sums to the outputs of a graph.
 *
 * @param counted rows of the flattened tokens and targets that count, int32
 * @throws RegmeanError `unsupported` for a model without normalisation layers
 */
export function tapNorms(
  model: ModelGraph,
  counted: { readonly tokens: Value; readonly targets: Value },
): NormTaps {
  const { layers, leftOut } = findNormLayers(model);
  if (layers.length === 0) throw noNormLayers(leftOut);
  const { graph } = model;
  const totals = layers.map(({ features }) => new Float64Array(2 * features));
  const namesOf = ({ scale }: UsedNormLayer): readonly [string, string] => [
    `normalised inputs of ${scale}`,
    `squares of normalised inputs of ${scale}`,
  ];
  for (const layer of layers) {
    const [sums, squares] = namesOf(layer);
    const uses = layer.nodes.map((node) => normalizedRows(node, counted));
    graph.output(sums, totalOf(uses));
    graph.output(squares, totalOf(uses.map((rows) => ops.mul(rows, rows))));
  }
  return {
    leftOut,
    add(results) {
      for (const [index, layer] of layers.entries()) {
        const total = totals[index] as Float64Array;
        for (const [half, name] of namesOf(layer).entries()) {
          const { data } = results.get(name) as RunTensor<Float64Array>;
          const at = half * layer.features;
          for (let j = 0; j < data.length; j++)
            total[at + j] = (total[at + j] as number) + (data[j] as number);
        }
      }
    },
    sums: (rowsOf) =>
      layers.map(({ scale, shift, nodes }, index) => ({
        ...{ scale, shift, sums: totals[index] as Float64Array },
        rows: nodes.reduce((sum, node) => sum + vectorsOf(node, rowsOf), 0),
      })),
  };
}

/** x^ of the rows that count, float64 [rows, features] or [rows, perRow, features]. */
function normalizedRows(node: Node, counted: { readonly tokens: Value; readonly targets: Value }): Value {
  const { input, layout } = inputOf(node);
  const apart = rowsApart(input, layout);
  const { kind } = layout;
  const rows = kind === 'tokens' || kind === 'targets' ? ops.gather(apart, counted[kind]) : apart;
  const features = Number(input.shape.at(-1));
  const ones = input.graph.constant(new Float32Array(features).fill(1), [features]);
  const epsilon = Number(node.attributes.epsilon);
  const normalized =
    node.op.type === 'LayerNormalization'
      ? ops.layerNormalization(rows, ones, null, epsilon)
      : ops.rmsNormalization(rows, ones, epsilon);
  return ops.cast(normalized, 'float64');
}

/** The sum over all uses and all rows of each, [features]. */
function totalOf(uses: readonly Value[]): Value {
  return uses
    .map((rows) => ops.reduceSum(rows, [...rows.shape.keys()].slice(0, -1), false))
    .reduce((sum, own) => ops.add(sum, own));
}

function vectorsOf(node: Node, rowsOf: RowsOf): number {
  const { input, layout } = inputOf(node);
  const { kind, perRow } = layout;
  if (kind !== 'positions') return rowsOf(kind) * perRow;
  return Number(multiplied(input.shape.slice(0, -1))) * rowsOf(kind);
}

function inputOf(node: Node): { readonly input: Value; readonly layout: InputLayout } {
  const input = node.inputs[0] as Value;
  return { input, layout: inputLayout(input) as InputLayout };
}

function noNormLayers(leftOut: readonly string[]): RegmeanError {
  const others = leftOut.length === 0 ? '' : ` that statistics describe (not ${leftOut.join(', ')})`;
  return new RegmeanError(
    'unsupported',
    `norms: the network must have normalisation layers${others}, has none`,
    {
      hint: 'collect statistics without --norms: merging averages what is no linear layer',
    },
  );
}
