/**
 * @file Arithmetic with sizes that are numbers or names: exported graphs compute shapes from the
 *   shapes of their inputs. A product is written `8*batch*seq`, a sum with a number `(seq+1)`.
 */
import type { Dim } from './graph.ts';

interface Factors {
  readonly number: number;
  /** In the order they were multiplied, which is the order of the axes that a reshape joins. */
  readonly names: readonly string[];
}

/** The number and the names that a size is the product of. */
export function factorsOf(size: Dim): Factors {
  if (typeof size === 'number') return { number: size, names: [] };
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at <= size.length; at++) {
    const character = size[at];
    if (character === '(') depth++;
    if (character === ')') depth--;
    if ((character === '*' && depth === 0) || at === size.length) {
      parts.push(size.slice(start, at));
      start = at + 1;
    }
  }
  const numbers = parts.filter((part) => /^\d+$/.test(part));
  return {
    number: numbers.reduce((product, part) => product * Number(part), 1),
    names: parts.filter((part) => !/^\d+$/.test(part)),
  };
}

function sizeFrom({ number, names }: Factors): Dim {
  if (names.length === 0 || number === 0) return number;
  return number === 1 ? names.join('*') : [number, ...names].join('*');
}

/** The product of sizes. */
export function multiplied(sizes: readonly Dim[]): Dim {
  const factors = sizes.map(factorsOf);
  return sizeFrom({
    number: factors.reduce((product, { number }) => product * number, 1),
    names: factors.flatMap(({ names }) => names),
  });
}

/** a / b where it is known to be whole, else undefined. */
export function divided(a: Dim, b: Dim): Dim | undefined {
  const [left, right] = [factorsOf(a), factorsOf(b)];
  if (right.number === 0 || left.number % right.number !== 0) return undefined;
  const names = [...left.names];
  for (const name of right.names) {
    const at = names.indexOf(name);
    if (at < 0) return undefined;
    names.splice(at, 1);
  }
  return sizeFrom({ number: left.number / right.number, names });
}

/** a + b, where at most one has a name. */
export function added(a: Dim, b: Dim): Dim | undefined {
  if (typeof a === 'number' && typeof b === 'number') return a + b;
  if (typeof a === 'string' && typeof b === 'string') return undefined;
  const [name, number] = typeof a === 'string' ? [a, b as number] : [b as string, a];
  const sum = /^\(([^()]+)([+-]\d+)\)$/.exec(name);
  const [stem, offset] = sum === null ? [name, number] : [sum[1] as string, Number(sum[2]) + number];
  if (offset === 0) return stem;
  return `(${stem}${offset > 0 ? '+' : ''}${offset})`;
}

/** a - b where it can be said. */
export function subtracted(a: Dim, b: Dim): Dim | undefined {
  if (a === b) return 0;
  return typeof b === 'number' ? added(a, -b) : undefined;
}

/** Whether two sizes are products of the same factors, in any order. */
export function sameSize(a: Dim, b: Dim): boolean {
  const [left, right] = [factorsOf(a), factorsOf(b)];
  return (
    left.number === right.number && [...left.names].sort().join('*') === [...right.names].sort().join('*')
  );
}

/**
 * Sizes that a reshape gives, each with its names in the order in which the elements lie: rows of
 * `[seq, batch, n]` that become one axis are `seq*batch`, whatever the product was computed as.
 */
export function inOrderOf(from: readonly Dim[], to: readonly Dim[]): readonly Dim[] {
  const order = from.flatMap((size) => factorsOf(size).names);
  return to.map((size) => {
    const { number, names } = factorsOf(size);
    const place = (name: string): number => order.indexOf(name);
    return sizeFrom({ number, names: [...names].sort((a, b) => place(a) - place(b)) });
  });
}
