/**
 * @file Sums panels of Grams over many batches. Within a few batches the sums are float32; then
 *   they are added to float64 totals, so that the result does not drift however long the data is.
 */
import { packedLength } from '../../shared/contribution/gram-packing.ts';
import type { GramPanel } from './gram-panels.ts';

/** Batches whose products are summed in float32 before they go to the float64 totals. */
export const batchesPerDrain = 16;

/** Totals of every Gram. */
export interface GramAccumulator {
  /** Moves the panels' sums into the totals and sets the panels to zero. */
  drain(): void;
  /** The packed upper triangle of a Gram, float32. */
  packed(name: string): Float32Array;
}

/** Float64 totals for panels. */
export function createGramAccumulator(panels: readonly GramPanel[]): GramAccumulator {
  const totals = new Map<string, Float64Array>();
  for (const { gram, dimension } of panels) {
    if (!totals.has(gram)) totals.set(gram, new Float64Array(packedLength(dimension)));
  }
  const totalOf = (name: string): Float64Array => totals.get(name) ?? new Float64Array(0);
  return {
    drain() {
      for (const panel of panels) addPanel(totalOf(panel.gram), panel);
    },
    packed: (name) => Float32Array.from(totalOf(name)),
  };
}

/** Adds the part of a panel on and above the diagonal to a packed total. */
function addPanel(total: Float64Array, panel: GramPanel): void {
  const { dimension, start, end, sum } = panel;
  const width = dimension - start;
  for (let row = start; row < end; row++) {
    const packedStart = row * dimension - (row * (row - 1)) / 2;
    const panelStart = (row - start) * width + (row - start);
    for (let column = 0; column < dimension - row; column++) {
      total[packedStart + column] =
        (total[packedStart + column] as number) + (sum.data[panelStart + column] as number);
    }
  }
  sum.data.fill(0);
}
