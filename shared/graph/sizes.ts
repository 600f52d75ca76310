/**
 * @file Sizes of axes. A size is a number, or what is known only when the graph runs, in terms of
 *   named sizes of the graph's inputs: `8*batch*seq`, `(seq+1)`. Exported graphs compute shapes
 *   from the shapes of their inputs, so sizes are multiplied, divided, added and subtracted.
 */

/** The size of an axis. Equal sizes are one object, so `===` compares them. */
export type Size = number | SymbolicSize;

/** What a product has beside its number: names, and sums. */
type Factor = string | Sum;

/**
 * A size without a number yet: a number times one or more factors, in the order of the axes that a
 * reshape joined. `batch*seq` and `seq*batch` count alike, and are two sizes.
 */
export class SymbolicSize {
  readonly number: number;
  readonly factors: readonly Factor[];

  private constructor(number: number, factors: readonly Factor[]) {
    this.number = number;
    this.factors = factors;
  }

  private static readonly made = new Map<string, SymbolicSize>();

  static of(number: number, factors: readonly Factor[]): SymbolicSize {
    // Names are quoted: none of them reads as a product.
    const key = `${number}*${factors.map((own) => JSON.stringify(own)).join('*')}`;
    const size = SymbolicSize.made.get(key) ?? new SymbolicSize(number, factors);
    SymbolicSize.made.set(key, size);
    return size;
  }

  /** As people and ONNX's `dim_param` read it. */
  toString(): string {
    return [...(this.number === 1 ? [] : [this.number]), ...this.factors].join('*');
  }
}

/** Several products, or products and a number, added up. Equal sums are one object. */
class Sum {
  readonly terms: readonly SymbolicSize[];
  readonly number: number;

  private constructor(terms: readonly SymbolicSize[], number: number) {
    this.terms = terms;
    this.number = number;
  }

  private static readonly made = new Map<string, Sum>();

  static of(terms: readonly SymbolicSize[], number: number): Sum {
    const key = JSON.stringify([terms, number]);
    const sum = Sum.made.get(key) ?? new Sum(terms, number);
    Sum.made.set(key, sum);
    return sum;
  }

  toString(): string {
    const offset = this.number > 0 ? `+${this.number}` : this.number < 0 ? `${this.number}` : '';
    return `(${this.terms.join('+')}${offset})`;
  }
}

/** The size that goes by a name: of an input's axis, or one that only a run tells. */
export function named(name: string): SymbolicSize {
  return SymbolicSize.of(1, [name]);
}

interface Product {
  readonly number: number;
  readonly factors: readonly Factor[];
}

function productOf(size: Size): Product {
  return typeof size === 'number' ? { number: size, factors: [] } : size;
}

function sizeFrom({ number, factors }: Product): Size {
  return factors.length === 0 || number === 0 ? number : SymbolicSize.of(number, factors);
}

/** The names that sizes have as factors, in order. */
export function namesIn(sizes: readonly Size[]): readonly string[] {
  return sizes.flatMap((size) => productOf(size).factors).filter((factor) => typeof factor === 'string');
}

/** The product of sizes. */
export function multiplied(sizes: readonly Size[]): Size {
  const products = sizes.map(productOf);
  return sizeFrom({
    number: products.reduce((product, { number }) => product * number, 1),
    factors: products.flatMap(({ factors }) => factors),
  });
}

/** a / b where it is known to be whole, else undefined. */
export function divided(a: Size, b: Size): Size | undefined {
  const [left, right] = [productOf(a), productOf(b)];
  if (right.number === 0 || left.number % right.number !== 0) return undefined;
  const factors = [...left.factors];
  for (const factor of right.factors) {
    const at = factors.indexOf(factor);
    if (at < 0) return undefined;
    factors.splice(at, 1);
  }
  return sizeFrom({ number: left.number / right.number, factors });
}

/** The sum of sizes. */
export function summed(sizes: readonly Size[]): Size {
  const terms = new Map<string, SymbolicSize>();
  let number = 0;
  for (const part of sizes.flatMap(partsOf)) {
    if (typeof part === 'number') {
      number += part;
      continue;
    }
    const kind = JSON.stringify(part.factors);
    const sum = sizeFrom({ ...part, number: part.number + (terms.get(kind)?.number ?? 0) });
    if (typeof sum === 'number') terms.delete(kind);
    else terms.set(kind, sum);
  }
  const [first, ...others] = terms.values();
  if (first === undefined) return number;
  return others.length === 0 && number === 0
    ? first
    : SymbolicSize.of(1, [Sum.of([first, ...others], number)]);
}

/** What a size is the sum of. */
function partsOf(size: Size): readonly Size[] {
  const { number, factors } = productOf(size);
  const [sum] = factors;
  return number === 1 && factors.length === 1 && sum instanceof Sum ? [...sum.terms, sum.number] : [size];
}

/** a + b, where at most one has a name. */
export function added(a: Size, b: Size): Size | undefined {
  return typeof a === 'number' || typeof b === 'number' ? summed([a, b]) : undefined;
}

/** a - b where it can be said. */
export function subtracted(a: Size, b: Size): Size | undefined {
  if (a === b) return 0;
  return typeof b === 'number' ? summed([a, -b]) : undefined;
}

/** Whether two sizes are products of the same factors, in any order. */
export function sameSize(a: Size, b: Size): boolean {
  return a === b || divided(a, b) === 1;
}

/**
 * Sizes that a reshape gives, each with its factors in the order in which the elements lie: rows of
 * `[seq, batch, n]` that become one axis are `seq*batch`, whatever the product was computed as.
 */
export function inOrderOf(from: readonly Size[], to: readonly Size[]): readonly Size[] {
  const order = from.flatMap((size) => productOf(size).factors);
  return to.map((size) => {
    const { number, factors } = productOf(size);
    return sizeFrom({ number, factors: [...factors].sort((a, b) => order.indexOf(a) - order.indexOf(b)) });
  });
}
