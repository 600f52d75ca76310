/** What a model said beside what is right. */
export interface Compared<T> {
  readonly predicted: T;
  readonly gold: T;
}

/** Share of positions at which prediction and gold class agree. */
export function accuracy(predicted: ArrayLike<number>, gold: ArrayLike<number>): number {
  let agree = 0;
  for (let index = 0; index < gold.length; index++) agree += predicted[index] === gold[index] ? 1 : 0;
  return share(agree, gold.length);
}

/** Right, claimed and existing items of one class. */
export interface ClassCounts {
  truePositives: number;
  predicted: number;
  gold: number;
}

/** Counts per class of single-label predictions, [classes]. */
export function countClasses(
  { predicted, gold }: Compared<ArrayLike<number>>,
  classes: number,
): ClassCounts[] {
  const counts = emptyCounts(classes);
  for (let index = 0; index < gold.length; index++) {
    const claimed = counts[predicted[index] as number];
    const real = counts[gold[index] as number];
    if (claimed === undefined || real === undefined) {
      throw new RangeError(
        `countClasses: classes must be below ${classes}, got ${predicted[index]}, ${gold[index]}`,
      );
    }
    claimed.predicted++;
    real.gold++;
    if (claimed === real) claimed.truePositives++;
  }
  return counts;
}

/**
 * Counts per class of multi-label predictions, [classes].
 *
 * @param compared 0 or 1 each, [rows * classes]
 */
export function countLabels(
  { predicted, gold }: Compared<ArrayLike<number>>,
  classes: number,
): ClassCounts[] {
  const counts = emptyCounts(classes);
  for (let index = 0; index < gold.length; index++) {
    const own = counts[index % classes] as ClassCounts;
    const claimed = predicted[index] === 1;
    const real = gold[index] === 1;
    if (claimed) own.predicted++;
    if (real) own.gold++;
    if (claimed && real) own.truePositives++;
  }
  return counts;
}

/**
 * F1 = 2 TP / (predicted + gold) of one class; 0 for a class that is neither predicted nor there.
 */
export function f1({ truePositives, predicted, gold }: ClassCounts): number {
  return share(2 * truePositives, predicted + gold);
}

/**
 * The mean of the classes' F1.
 *
 * @param subset the classes to average over; without it, those that occur in the gold labels or in
 *   the predictions, so that classes which a data set does not know do not pull the mean down
 */
export function macroF1(counts: readonly ClassCounts[], subset?: readonly number[]): number {
  const chosen =
    subset?.map((id) => classAt(counts, id)) ?? counts.filter(({ predicted, gold }) => predicted + gold > 0);
  return share(
    chosen.reduce((sum, own) => sum + f1(own), 0),
    chosen.length,
  );
}

/** F1 of all classes' decisions taken together. */
export function microF1(counts: readonly ClassCounts[]): number {
  const total: ClassCounts = { truePositives: 0, predicted: 0, gold: 0 };
  for (const own of counts) {
    total.truePositives += own.truePositives;
    total.predicted += own.predicted;
    total.gold += own.gold;
  }
  return f1(total);
}

/**
 * Matthews correlation coefficient for any number of classes (Gorodkin 2004, the R_K statistic): (c
 * s - sum_k p_k t_k) / sqrt((s^2 - sum_k p_k^2) (s^2 - sum_k t_k^2)), with s items, c right ones,
 * p_k predicted and t_k gold items of class k. 0 when either side has only one class.
 */
export function matthewsCorrelation(counts: readonly ClassCounts[]): number {
  let items = 0;
  let right = 0;
  let predictedGold = 0;
  let predictedSquares = 0;
  let goldSquares = 0;
  for (const { truePositives, predicted, gold } of counts) {
    items += gold;
    right += truePositives;
    predictedGold += predicted * gold;
    predictedSquares += predicted * predicted;
    goldSquares += gold * gold;
  }
  const spread = Math.sqrt(items * items - predictedSquares) * Math.sqrt(items * items - goldSquares);
  return share(right * items - predictedGold, spread);
}

function emptyCounts(classes: number): ClassCounts[] {
  return Array.from({ length: classes }, () => ({ truePositives: 0, predicted: 0, gold: 0 }));
}

function classAt(counts: readonly ClassCounts[], id: number): ClassCounts {
  const own = counts[id];
  if (own === undefined) throw new RangeError(`macroF1: class must be below ${counts.length}, got ${id}`);
  return own;
}

/** `part / whole`, 0 when there is nothing to divide by. */
function share(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}
