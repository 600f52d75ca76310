/**
 * @file The graph that collects Grams: a model's forward pass with every linear layer's input tapped. X^T X is
 * symmetric, so only panels of its upper triangle are computed, and each run adds to the panels of the run before.
 */
import { RegmeanError } from '../../shared/errors.ts';
import type { Value } from '../../shared/graph/graph.ts';
import * as ops from '../../shared/graph/ops/index.ts';
import { buildModelGraph, type ModelIdentity } from '../../shared/models/model-graph.ts';
import { createSession, type RunTensor, type Session } from '../../shared/runtime/session.ts';
import { findLinearGroups, type LinearGroup } from './linear-layers.ts';

/** Rows of a panel: narrow panels waste little below the diagonal, wide ones multiply faster. */
const panelRows = 512;

/** A band of rows of one Gram: rows `start` to `end`, columns `start` to `dimension`. */
export interface GramPanel {
  readonly group: LinearGroup;
  readonly dimension: number;
  readonly start: number;
  readonly end: number;
  /** [end - start, dimension - start], the sum so far; the entries left of the diagonal are part of it. */
  readonly sum: RunTensor<Float32Array>;
}

/** The pass over one batch. */
export interface GramPass {
  readonly panels: readonly GramPanel[];
  readonly groups: readonly LinearGroup[];
  /** How many rows a group's activations have for a batch: its tokens or its sequences, once per use. */
  rowsOf(group: LinearGroup, batch: { readonly tokens: number; readonly sequences: number }): number;
  /** Adds a batch's products to the panels. `tokenRows`: rows of the flattened batch that are no padding. */
  run(feeds: ReadonlyMap<string, RunTensor>, tokenRows: Int32Array): Promise<void>;
  dispose(): Promise<void>;
}

/** Builds the pass for a model, dropout off. */
export async function createGramPass(
  model: ModelIdentity,
  parameters: ReadonlyMap<string, RunTensor>,
  threads?: number,
): Promise<GramPass> {
  const built = buildModelGraph(model, { withLoss: false, dropoutSeed: null });
  const { graph } = built;
  const tokenRowsInput = graph.input('token_rows', 'int32', ['tokens']);
  const groups = findLinearGroups(built);
  const panels: GramPanel[] = [];
  const feedsOfPanels = new Map<string, RunTensor>();
  const into = new Map<string, RunTensor>();

  for (const group of groups) {
    const dimension = inputSize(group);
    const uses = group.inputs.map((input) =>
      isPerToken(group.name, input) ? ops.gather(input, tokenRowsInput) : input,
    );
    for (let start = 0; start < dimension; start += panelRows) {
      const end = Math.min(dimension, start + panelRows);
      const shape = [end - start, dimension - start];
      const sum: RunTensor<Float32Array> = {
        shape,
        data: new Float32Array((shape[0] ?? 0) * (shape[1] ?? 0)),
      };
      const name = `gram of ${group.name} from ${start}`;
      const previous = graph.input(`${name} before`, 'float32', shape);
      const product = uses.reduce((sum, rows) => {
        const left = columns(rows, start, end, dimension);
        const right = columns(rows, start, dimension, dimension);
        return ops.gemm(left, right, { transA: true, transB: false, bias: sum });
      }, previous);
      graph.output(name, product);
      panels.push({ group, dimension, start, end, sum });
      // The product is added into the array it begins from: ONNX Runtime's Gemm starts from a copy of its bias.
      feedsOfPanels.set(previous.name, sum);
      into.set(name, sum);
    }
  }
  const session: Session = await createSession(graph, threads === undefined ? {} : { threads });

  return {
    panels,
    groups,
    rowsOf: (group, batch) =>
      group.inputs.reduce(
        (sum, input) => sum + (isPerToken(group.name, input) ? batch.tokens : batch.sequences),
        0,
      ),
    async run(feeds, tokenRows) {
      const all = new Map<string, RunTensor>([
        ...parameters,
        ...feeds,
        ...feedsOfPanels,
        ['token_rows', { shape: [tokenRows.length], data: tokenRows }],
      ]);
      await session.run(all, into);
    },
    dispose: () => session.dispose(),
  };
}

function columns(rows: Value, start: number, end: number, dimension: number): Value {
  return start === 0 && end === dimension ? rows : ops.slice(rows, 1, start, end);
}

/** Whether an activation has a row per token, padding included, or one per sequence. */
function isPerToken(name: string, input: Value): boolean {
  const rows = input.shape[0];
  if (rows === 'batch*seq') return true;
  if (rows === 'batch') return false;
  throw new RegmeanError('unsupported', `${name}: Grams need rows per token or per sequence, got ${rows}`);
}

function inputSize({ name, inputs }: LinearGroup): number {
  const size = inputs[0]?.shape.at(-1);
  if (typeof size === 'number') return size;
  throw new RegmeanError('unsupported', `${name}: the input size must be known, got ${size}`);
}
