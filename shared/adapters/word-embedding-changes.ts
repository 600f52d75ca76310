/**
 * @file Adapters of models whose word embeddings are the head's weight too. Such an adapter can
 *   give the two names of one table different values: then they are two parameters.
 */
import { RegmeanError } from '../errors.ts';
import type { AdapterConfig } from './adapter-config.ts';
import { type AdapterTensors, readFinite } from './adapter-tensors.ts';
import { transposeMatrix } from './apply-update.ts';
import { type ParameterChange, type ParameterChanges, unchanged } from './parameter-changes.ts';
import type { WordEmbeddings } from './word-embeddings.ts';

/** Changes of the parameters of a graph. */
export interface WordEmbeddingChanges {
  readonly changes: ParameterChanges;
  /** Whether the head has a weight of its own, which it had not in the base. */
  readonly isUntied: boolean;
}

/**
 * Changes of the table and of the head, from those of all names that they have.
 *
 * @param isTied whether the base's head is the table
 * @throws RegmeanError `unsupported` where the family has no model for what was trained;
 *   `invalid-input` where one table has two values
 */
export async function wordEmbeddingChanges(
  changes: ParameterChanges,
  words: WordEmbeddings,
  isTied: boolean,
  adapter: AdapterTensors,
  config: AdapterConfig,
): Promise<WordEmbeddingChanges> {
  const { table, inputs, output } = words;
  const names = [...new Set([table, ...inputs, ...(isTied ? [output] : [])])];
  if (!names.some((name) => changes.has(name))) return { changes, isUntied: false };
  const base = await commonTensor(names, changes, adapter);
  const tableRows = changes.get(table)?.rows ?? null;
  const embeddings = config.ensuresTying ? (changes.get(inputs[0] ?? table)?.update ?? null) : null;
  const changeOf = (name: string): ParameterChange => {
    const { whole, update, rows, added } = changes.get(name) ?? unchanged;
    const own = name === output ? withRankOf(embeddings, update) : update;
    return { whole: whole?.isApart === true ? whole : base, update: own, rows: rows ?? tableRows, added };
  };
  const same = async (one: string, other: string): Promise<boolean> =>
    sameChange(changeOf(one), changeOf(other), adapter, config);

  const [input = table, ...others] = inputs;
  for (const other of others) {
    if (await same(input, other)) continue;
    throw new RegmeanError(
      'unsupported',
      `${adapter.file.path}: ${input} and ${other} must have one value (tie_word_embeddings), got two`,
      { hint: 'they are one table in this family: train the adapter without them' },
    );
  }
  if (!inputs.includes(table) && !(await same(input, table))) {
    throw new RegmeanError(
      'unsupported',
      `${adapter.file.path}: ${table} must be left alone, but the adapter changes it`,
      { hint: `transformers reads ${inputs.join(' and ')} instead: the change had no effect` },
    );
  }

  if (!isTied && !inputs.includes(table) && tableRows !== null) {
    throw new RegmeanError(
      'unsupported',
      `${config.path}: trainable_token_indices must be absent for a model of this family whose head is not tied`,
      {
        hint: 'whether rows of the head follow depends on the version of transformers: train the adapter without',
      },
    );
  }
  const merged = new Map([...changes].filter(([name]) => !names.includes(name)));
  merged.set(table, changeOf(input));
  if (!isTied || (await same(input, output))) return { changes: merged, isUntied: false };
  if (!words.canUntie) {
    throw new RegmeanError(
      'unsupported',
      `${adapter.file.path}: ${input} and ${output} must have one value (tie_word_embeddings), got two`,
      { hint: 'they are one table in this family: train the adapter without them' },
    );
  }
  return { changes: merged.set(output, changeOf(output)), isUntied: true };
}

/**
 * The update of a head that PEFT ties to the embeddings: its factors are theirs, so they have their
 * rank, while its factor is still that of its own rank and alpha.
 */
function withRankOf(
  embeddings: ParameterChange['update'],
  head: ParameterChange['update'],
): ParameterChange['update'] {
  if (head === null || head.update.isEmbedding || embeddings?.update.isEmbedding !== true) return head;
  return { ...head, tiedTo: embeddings.module };
}

/** What PEFT stores of the base's table, under whatever name. */
async function commonTensor(
  names: readonly string[],
  changes: ParameterChanges,
  { file }: AdapterTensors,
): Promise<ParameterChange['whole']> {
  const stored = names.flatMap((name) => {
    const whole = changes.get(name)?.whole ?? null;
    return whole === null || whole.isApart ? [] : [whole];
  });
  const [first, ...others] = stored;
  if (first === undefined) return null;
  for (const { tensor } of others) {
    if (await sameBytes(file, first.tensor, tensor)) continue;
    throw new RegmeanError(
      'invalid-input',
      `${file.path}: ${first.tensor} and ${tensor} must be equal: the base has one table for both`,
      { hint: 'train them as modules_to_save, or untie the base before the training' },
    );
  }
  return first;
}

async function sameBytes(file: AdapterTensors['file'], one: string, other: string): Promise<boolean> {
  if (one === other) return true;
  return Buffer.compare(await file.readBytes(one), await file.readBytes(other)) === 0;
}

/** Whether two changes of one table give the same values. */
async function sameChange(
  one: ParameterChange,
  other: ParameterChange,
  { file }: AdapterTensors,
  config: AdapterConfig,
): Promise<boolean> {
  const equal = async (a: string | undefined, b: string | undefined): Promise<boolean> =>
    a === undefined || b === undefined ? a === b : sameBytes(file, a, b);
  return (
    (await equal(one.whole?.tensor, other.whole?.tensor)) &&
    (await equal(one.rows?.tensor, other.rows?.tensor)) &&
    String(one.rows?.tokens) === String(other.rows?.tokens) &&
    (await sameUpdate(one.update, other.update, file, config))
  );
}

/**
 * Whether two updates of one table are the same. The update of a head has the factors of the
 * embedding's, transposed, where PEFT ties them (`ensure_weight_tying`).
 */
async function sameUpdate(
  one: ParameterChange['update'],
  other: ParameterChange['update'],
  file: AdapterTensors['file'],
  config: AdapterConfig,
): Promise<boolean> {
  if (one === null || other === null) return one === other;
  if (config.scalingOf(one.module) !== config.scalingOf(other.module)) return false;
  const [{ update: x }, { update: y }] = [one, other];
  if (x.magnitude !== null || y.magnitude !== null) return false;
  if (x.isEmbedding === y.isEmbedding) {
    return (await sameBytes(file, x.a, y.a)) && (await sameBytes(file, x.b, y.b));
  }
  return (await areTransposed(file, x.a, y.b)) && (await areTransposed(file, x.b, y.a));
}

async function areTransposed(file: AdapterTensors['file'], one: string, other: string): Promise<boolean> {
  const [rows = 0, columns = 0] = file.tensors.get(one)?.shape ?? [];
  const [first, second] = [await readFinite(file, one), await readFinite(file, other)];
  if (first.length !== second.length) return false;
  const turned = transposeMatrix(first, rows, columns);
  return turned.every((value, index) => value === second[index]);
}
