/** @file Which activations are of single tokens: no attention lies before them. */
import type { Node, Value } from '../graph/graph.ts';

/** Products of matrices: of two activations they bring tokens together. */
const products = new Set(['MatMul', 'Gemm', 'FusedMatMul', 'Einsum']);
/** What brings tokens together whatever it works on. */
const mixing = new Set([
  ...['Conv', 'ConvTranspose', 'LSTM', 'GRU', 'RNN'],
  ...['Loop', 'Scan', 'Attention', 'MultiHeadAttention', 'GroupQueryAttention'],
]);

/**
 * Finds which activations are functions of one token and its position each. A Gram of such rows is
 * a sum over the vocabulary, and tells which tokens there were.
 */
export function createSingleTokenSearch(): (value: Value) => boolean {
  const known = new Map<Value, Origin>();
  return (value) => !originOf(value, known).isMixed;
}

interface Origin {
  /** Whether it depends on what is fed, and not on parameters and constants alone. */
  readonly isOfData: boolean;
  readonly isMixed: boolean;
}

/** Walks without recursion: graphs are deep. */
function originOf(value: Value, known: Map<Value, Origin>): Origin {
  const pending = [value];
  while (pending.length > 0) {
    const next = pending.at(-1) as Value;
    const inputs = next.producer?.inputs.filter((input) => input !== null) ?? [];
    const open = known.has(next) ? [] : inputs.filter((input) => !known.has(input));
    if (open.length > 0) {
      pending.push(...open);
      continue;
    }
    pending.pop();
    if (!known.has(next)) known.set(next, ownOrigin(next, inputs, known));
  }
  return known.get(value) as Origin;
}

function ownOrigin(value: Value, inputs: readonly Value[], known: ReadonlyMap<Value, Origin>): Origin {
  const { producer } = value;
  if (producer === null) return { isOfData: value.role === 'input', isMixed: false };
  const origins = inputs.map((input) => known.get(input) as Origin);
  return {
    isOfData: origins.some(({ isOfData }) => isOfData),
    isMixed: origins.some(({ isMixed }) => isMixed) || bringsTogether(producer, origins),
  };
}

function bringsTogether({ op }: Node, origins: readonly Origin[]): boolean {
  const ofData = origins.filter(({ isOfData }) => isOfData).length;
  return ofData > 0 && (mixing.has(op.type) || (products.has(op.type) && ofData > 1));
}
