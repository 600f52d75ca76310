/**
 * Pearson's correlation of two series. 0 when either is constant, where it is not defined: a head
 * that says the same of every row has learned nothing.
 */
export function pearson(predicted: ArrayLike<number>, gold: ArrayLike<number>): number {
  const meanPredicted = mean(predicted);
  const meanGold = mean(gold);
  let product = 0;
  let squaresPredicted = 0;
  let squaresGold = 0;
  for (let index = 0; index < gold.length; index++) {
    const a = (predicted[index] as number) - meanPredicted;
    const b = (gold[index] as number) - meanGold;
    product += a * b;
    squaresPredicted += a * a;
    squaresGold += b * b;
  }
  const spread = Math.sqrt(squaresPredicted) * Math.sqrt(squaresGold);
  return spread === 0 ? 0 : Math.max(-1, Math.min(1, product / spread));
}

/** Spearman's rank correlation: Pearson's of the ranks, ties sharing their average rank. */
export function spearman(predicted: ArrayLike<number>, gold: ArrayLike<number>): number {
  return pearson(ranks(predicted), ranks(gold));
}

/** Mean squared difference. */
export function meanSquaredError(predicted: ArrayLike<number>, gold: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < gold.length; index++) {
    sum += ((predicted[index] as number) - (gold[index] as number)) ** 2;
  }
  return gold.length === 0 ? 0 : sum / gold.length;
}

/** Ranks from 1, ties sharing the average of theirs. */
export function ranks(values: ArrayLike<number>): Float64Array {
  const order = Array.from({ length: values.length }, (_, index) => index);
  order.sort((a, b) => (values[a] as number) - (values[b] as number));
  const result = new Float64Array(values.length);
  for (let start = 0; start < order.length; ) {
    const value = values[order[start] as number];
    let end = start + 1;
    while (end < order.length && values[order[end] as number] === value) end++;
    for (let tied = start; tied < end; tied++) result[order[tied] as number] = (start + 1 + end) / 2;
    start = end;
  }
  return result;
}

function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < values.length; index++) sum += values[index] as number;
  return values.length === 0 ? 0 : sum / values.length;
}
