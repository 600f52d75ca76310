/**
 * @file Sums of X^T X in a graph. X^T X is symmetric, so only panels of its upper triangle are
 *   computed, and each run adds to the panels of the run before.
 */
import type { Graph, Value } from '../../shared/graph/graph.ts';
import * as ops from '../../shared/graph/ops/index.ts';
import type { RunTensor } from '../../shared/runtime/session.ts';

/** Rows of a panel: narrow panels waste little below the diagonal, wide ones multiply faster. */
const panelRows = 512;

/** A band of rows of one Gram: rows `start` to `end`, columns `start` to `dimension`. */
export interface GramPanel {
  /** Name of the Gram. */
  readonly gram: string;
  readonly dimension: number;
  readonly start: number;
  readonly end: number;
  /**
   * [end - start, dimension - start], the sum so far; the entries left of the diagonal are part of
   * it.
   */
  readonly sum: RunTensor<Float32Array>;
}

/** The panels of a graph, and what runs of it read and write for them. */
export interface GramPanels {
  readonly panels: readonly GramPanel[];
  /** To be fed at every run. */
  readonly feeds: ReadonlyMap<string, RunTensor>;
  /** Where the outputs of every run go. */
  readonly into: ReadonlyMap<string, RunTensor>;
  /**
   * Adds the Gram of some activations to the graph.
   *
   * @param uses one or more, each [rows, dimension]
   */
  add(gram: string, dimension: number, uses: readonly Value[]): void;
}

/** No panels yet. */
export function gramPanels(graph: Graph): GramPanels {
  const panels: GramPanel[] = [];
  const feeds = new Map<string, RunTensor>();
  const into = new Map<string, RunTensor>();
  return {
    ...{ panels, feeds, into },
    add(gram, dimension, uses) {
      for (let start = 0; start < dimension; start += panelRows) {
        const end = Math.min(dimension, start + panelRows);
        const shape: [number, number] = [end - start, dimension - start];
        const sum = { shape, data: new Float32Array(shape[0] * shape[1]) };
        const name = `gram of ${gram} from ${start}`;
        const previous = graph.input(`${name} before`, 'float32', shape);
        const product = uses.reduce((before, rows) => {
          const left = columns(rows, start, end, dimension);
          const right = columns(rows, start, dimension, dimension);
          return ops.gemm(left, right, { transA: true, transB: false, bias: before });
        }, previous);
        graph.output(name, product);
        panels.push({ gram, dimension, start, end, sum });
        // The product is added into the array it begins from: ONNX Runtime's Gemm starts from a
        // copy of its bias.
        feeds.set(previous.name, sum);
        into.set(name, sum);
      }
    },
  };
}

function columns(rows: Value, start: number, end: number, dimension: number): Value {
  return start === 0 && end === dimension ? rows : ops.slice(rows, 1, start, end);
}
