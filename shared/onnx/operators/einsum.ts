/**
 * @file Einsum as products of matrices, so that it has a gradient; and a Gram, where it multiplies
 *   with a matrix of weights. An axis is called by its label in the equation, those of an ellipsis
 *   `.0`, `.1`, .. counted from the right.
 */
import type { Value } from '../../graph/graph.ts';
import * as ops from '../../graph/ops/index.ts';
import { multiplied, type Size } from '../../graph/sizes.ts';
import { product } from './matrix.ts';
import { aligned, isFloat, type Operator, text } from './operator.ts';

/** A tensor and what its axes are called. */
interface Term {
  readonly value: Value;
  readonly labels: readonly string[];
}

/**
 * Reads an Einsum of any number of operands; null where an operand has one label twice (a
 * diagonal), or is no float.
 */
export const einsum: Operator = (context) => {
  const values = context.inputs.filter((value) => value !== null);
  const parsed = parse(
    text(context, 'equation', ''),
    values.map(({ shape }) => shape.length),
  );
  if (parsed === null || !values.every(isFloat)) return null;
  const terms = values.map((value, at): Term => ({ value, labels: parsed.operands[at] ?? [] }));
  if (!terms.every((term) => fits(term, terms))) return null;
  const [first, ...others] = terms;
  if (first === undefined) return null;
  let result = first;
  for (const [at, next] of others.entries()) {
    const later = others.slice(at + 1).flatMap(({ labels }) => labels);
    result = combined(result, next, new Set([...parsed.result, ...later]));
  }
  return [arranged(summed(result, new Set(parsed.result)), parsed.result).value];
};

/** The labels of an equation; null for what is not read. */
function parse(
  equation: string,
  ranks: readonly number[],
): { readonly operands: readonly string[][]; readonly result: readonly string[] } | null {
  const [left = '', right] = equation.replaceAll(' ', '').split('->');
  const parts = left.split(',');
  if (parts.length !== ranks.length) return null;
  const ellipsis = (count: number): string[] =>
    Array.from({ length: count }, (_, at) => `.${count - 1 - at}`);
  const subscriptsOf = (part: string, count: number): string[] => {
    const [before = '', after] = part.split('...');
    return after === undefined ? [...before] : [...before, ...ellipsis(count), ...after];
  };
  const widths = parts.map((part, at) =>
    part.includes('...') ? (ranks[at] ?? 0) - part.replace('...', '').length : 0,
  );
  const operands = parts.map((part, at) => subscriptsOf(part, widths[at] ?? 0));
  if (operands.some((labels, at) => labels.length !== ranks[at] || new Set(labels).size < labels.length)) {
    return null;
  }
  const widest = Math.max(...widths);
  const letters = [...left.replaceAll(/[.,]/g, '')].sort();
  const once = letters.filter((own) => letters.indexOf(own) === letters.lastIndexOf(own));
  const result = right === undefined ? [...ellipsis(widest), ...once] : subscriptsOf(right, widest);
  const known = new Set(operands.flat());
  const isPlain = new Set(result).size === result.length && result.every((label) => known.has(label));
  return isPlain ? { operands, result } : null;
}

/** Whether sizes of letters agree: only axes of an ellipsis broadcast. */
function fits({ value, labels }: Term, terms: readonly Term[]): boolean {
  return labels.every((label, axis) => {
    const size = value.shape[axis];
    if (label.startsWith('.') || typeof size !== 'number') return true;
    const others = terms.map((term) => term.value.shape[term.labels.indexOf(label)]);
    return others.every((own) => typeof own !== 'number' || own === size);
  });
}

/** Two terms as one: shared labels that nothing else asks for are summed over. */
function combined(one: Term, other: Term, kept: ReadonlySet<string>): Term {
  const first = summed(one, new Set([...kept, ...other.labels]));
  const second = summed(other, new Set([...kept, ...one.labels]));
  const shared = first.labels.filter((label) => second.labels.includes(label));
  const contracted = shared.filter((label) => !kept.has(label));
  if (contracted.length === 0) return multipliedTerms(first, second);
  const batch = shared.filter((label) => kept.has(label));
  // A linear layer has its weights on the right.
  const [a, b] =
    batch.length === 0 && isWeight(first) && !isWeight(second) ? [second, first] : [first, second];
  const free = (term: Term): string[] => term.labels.filter((label) => !shared.includes(label));
  const [rows, columns] = [free(a), free(b)];
  // Leading axes of a product may be many; its last two are one each.
  const matrix = batch.length === 0 && rows.length > 0;
  const left = arranged(a, [...batch, ...rows, ...contracted]);
  const right = arranged(b, [...batch, ...contracted, ...columns]);
  const lead = batch.length;
  const made = product(
    matrix
      ? grouped(left, [...rows.map((label) => [label]), contracted])
      : grouped(left, [...batch.map((label) => [label]), rows, contracted]),
    grouped(right, [...batch.map((label) => [label]), contracted, columns]),
  );
  const labels = [...batch, ...rows, ...columns];
  if (rows.length === 1 && columns.length === 1) return { value: made, labels };
  if (matrix && columns.length === 1) return { value: made, labels };
  const source = (label: string): Term => (b.labels.includes(label) && !a.labels.includes(label) ? b : a);
  const sizes = labels.map((label, at): Size => {
    if (at < lead) return made.shape[at] as Size;
    const { value, labels: own } = source(label);
    return value.shape[own.indexOf(label)] as Size;
  });
  const parts = labels.map((label, at): Value => {
    const size = sizes[at] as Size;
    if (typeof size === 'number') return made.graph.integers([size]);
    const { value, labels: own } = source(label);
    const axis = at < lead ? at : own.indexOf(label);
    return ops.unsqueeze(ops.sizeOfAxis(at < lead ? made : value, axis), 0);
  });
  const runtime = parts.length === 0 ? made.graph.integers([]) : ops.concat(parts, 0);
  return { value: ops.reshapeTo(made, runtime, sizes), labels };
}

/** Without a sum: every pair multiplied. */
function multipliedTerms(a: Term, b: Term): Term {
  const labels = [...a.labels, ...b.labels.filter((label) => !a.labels.includes(label))];
  const spread = (term: Term): Value => {
    const { value, labels: own } = arranged(
      term,
      labels.filter((label) => term.labels.includes(label)),
    );
    return labels.reduce(
      (wide, label, axis) => (own.includes(label) ? wide : ops.unsqueeze(wide, axis)),
      value,
    );
  };
  const [left, right] = aligned([spread(a), spread(b)]) as [Value, Value];
  return { value: ops.mul(left, right), labels };
}

/** Sums over the axes that are not kept. */
function summed({ value, labels }: Term, kept: ReadonlySet<string>): Term {
  const axes = labels.flatMap((label, axis) => (kept.has(label) ? [] : [axis]));
  if (axes.length === 0) return { value, labels };
  return {
    value: ops.squeeze(ops.reduceSum(value, axes, true), axes),
    labels: labels.filter((label) => kept.has(label)),
  };
}

function arranged({ value, labels }: Term, order: readonly string[]): Term {
  if (order.every((label, axis) => labels[axis] === label)) return { value, labels };
  return {
    value: ops.transpose(
      value,
      order.map((label) => labels.indexOf(label)),
    ),
    labels: order,
  };
}

/** Neighbouring axes joined into one per group; an empty group is an axis of size 1. */
function grouped({ value, labels }: Term, groups: readonly (readonly string[])[]): Value {
  if (groups.every((group) => group.length === 1)) return value;
  const joined = groups.every((group) => group.length < 2);
  if (joined) {
    return groups.reduce(
      (wide, group, axis) => (group.length === 0 ? ops.unsqueeze(wide, axis) : wide),
      value,
    );
  }
  const shape = groups.map((group) =>
    multiplied(group.map((label) => value.shape[labels.indexOf(label)] as Size)),
  );
  const graph = value.graph;
  const sizes = groups.map((group, at): Value => {
    const size = shape[at] as Size;
    if (typeof size === 'number') return graph.integers([size]);
    return group
      .map((label) => ops.unsqueeze(ops.sizeOfAxis(value, labels.indexOf(label)), 0))
      .reduce((all, own) => ops.mul(all, own));
  });
  return ops.reshapeTo(value, ops.concat(sizes, 0), shape);
}

function isWeight({ value }: Term): boolean {
  if (value.shape.length !== 2) return false;
  const source = value.producer?.op.type === 'Transpose' ? value.producer.inputs[0] : value;
  return source?.role === 'parameter';
}
