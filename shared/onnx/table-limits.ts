/**
 * @file How far the tables of a network reach: its vocabulary, its token types, its positions. A
 *   table of positions is told from others by the rows that are looked up in it, which grow with
 *   the length of the text; a table of token types that is no input is always read at row 0.
 */

import type { DType, Graph, Node, Value } from '../graph/graph.ts';
import { namesIn } from '../graph/sizes.ts';
import { axes } from '../models/axes.ts';
import { createSession, type RunTensor, type Session } from '../runtime/session.ts';

/** Sizes of a network's tables, where it has them. */
export interface TableLimits {
  readonly vocabSize?: number;
  readonly typeVocabSize?: number;
  /** The most tokens of a text that the tables of positions have rows for. */
  readonly positions?: number;
}

/** Where a table of parameters is looked up, one row for each token. */
interface Lookup {
  readonly rows: number;
  readonly indices: Value;
}

/** The limits of the graph of a network, whose inputs are named by their roles. */
export async function tableLimits(graph: Graph): Promise<TableLimits> {
  const lookups = graph.nodes.flatMap(lookupOf);
  const rowsOf = (...names: string[]): number | undefined =>
    lookups.findLast(({ indices }) => names.includes(inputOf(indices) ?? ''))?.rows;
  const vocabSize = rowsOf('input_ids', 'decoder_input_ids');
  const typeVocabSize = rowsOf('token_type_ids');
  const computed = valuesOfWeights(graph);
  const others = lookups.filter(({ indices }) => {
    const name = inputOf(indices);
    return (name === null || name === 'position_ids') && isOnePerToken(indices) && !computed.has(indices);
  });
  const positions = await positionsOf(graph, others);
  return {
    ...(vocabSize === undefined ? {} : { vocabSize }),
    ...(typeVocabSize === undefined ? {} : { typeVocabSize }),
    ...(Number.isFinite(positions) ? { positions } : {}),
  };
}

function lookupOf({ op, inputs: [table, indices] }: Node): readonly Lookup[] {
  if (op.type !== 'Gather' || table?.role !== 'parameter' || !indices) return [];
  return [{ rows: Number(table.shape[0]), indices }];
}

/**
 * The input that a value is, as it is fed or with other axes or another element type; null for
 * what is computed.
 */
function inputOf({ name, role, producer }: Value): string | null {
  if (role === 'input') return name;
  const source = producer?.inputs[0] ?? null;
  const isSame = ['Cast', 'Identity', 'Reshape', 'Squeeze', 'Unsqueeze'].includes(producer?.op.type ?? '');
  return isSame && source !== null ? inputOf(source) : null;
}

/**
 * Whether there is one index for each place of a sequence; relative positions have one for each
 * pair.
 */
function isOnePerToken({ shape }: Value): boolean {
  return namesIn(shape).filter((name) => name === 'seq' || name === 'target').length === 1;
}

/** What depends on the values of parameters, not only on their sizes. */
function valuesOfWeights(graph: Graph): ReadonlySet<Value> {
  const found = new Set(graph.inputs.filter(({ role }) => role === 'parameter'));
  for (const { op, inputs, outputs } of graph.nodes) {
    if (op.type === 'Shape' || !inputs.some((value) => value !== null && found.has(value))) continue;
    for (const output of outputs) found.add(output);
  }
  return found;
}

/** Lengths of the texts that lookups are tried with. */
const trialLengths = [2, 4] as const;

/** Tokens that texts are tried with: one of them is not the padding token. */
const trialTokens = [0, 1] as const;

/** The most tokens of a text that every lookup has rows for whose rows grow with the text. */
async function positionsOf(graph: Graph, lookups: readonly Lookup[]): Promise<number> {
  if (lookups.length === 0) return Number.POSITIVE_INFINITY;
  const names = lookups.map((_, index) => `rows ${index}`);
  for (const [index, { indices }] of lookups.entries()) graph.output(names[index] ?? '', indices);
  const session = await createSession(graph, { threads: 1 });
  try {
    const [shortLength, longLength] = trialLengths;
    const short = await farthestRows(session, names, shortLength);
    const long = await farthestRows(session, names, longLength);
    const limits = lookups.map(({ rows }, index) => {
      const [before = 0, after = 0] = [short[index], long[index]];
      const perToken = (after - before) / (longLength - shortLength);
      return perToken > 0 ? longLength + Math.floor((rows - 1 - after) / perToken) : Number.POSITIVE_INFINITY;
    });
    return Math.min(...limits);
  } finally {
    await session.dispose();
  }
}

/** The farthest row that each of the outputs looks up in texts of a length. */
async function farthestRows(
  session: Session,
  names: readonly string[],
  length: number,
): Promise<readonly number[]> {
  const runs = await Promise.all(
    trialTokens.map((token) =>
      session.run(new Map(session.inputs.map((input) => [input.name, feedOf(input, length, token)]))),
    ),
  );
  return names.map((name) =>
    Math.max(...runs.flatMap((outputs) => Array.from(outputs.get(name)?.data ?? [], Number))),
  );
}

/** One text of a length; parameters, of which only the sizes matter, are zeros. */
function feedOf({ name, role, dtype, shape }: Value, length: number, token: number): RunTensor {
  const sizes = shape.map((size) => (typeof size === 'number' ? size : size === axes.batch ? 1 : length));
  const count = sizes.reduce((product, size) => product * size, 1);
  if (role === 'parameter') return { shape: sizes, data: new Float32Array(count) };
  const values = Array.from({ length: count }, (_, place) => valueAt(name, place, token));
  return { shape: sizes, data: arrays[dtype](values) };
}

const arrays: Readonly<Record<DType, (values: readonly number[]) => RunTensor['data']>> = {
  int32: (values) => Int32Array.from(values),
  int64: (values) => BigInt64Array.from(values, BigInt),
  bool: (values) => Uint8Array.from(values),
  float32: (values) => Float32Array.from(values),
  float64: (values) => Float64Array.from(values),
};

function valueAt(input: string, place: number, token: number): number {
  if (input.endsWith('input_ids')) return token;
  if (input === 'position_ids') return place;
  return input.endsWith('mask') ? 1 : 0;
}
