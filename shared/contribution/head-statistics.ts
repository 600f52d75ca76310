/**
 * @file What a ridge regression of a task's targets Y on the inputs X of a head's last layer needs
 *   of an agent's data (He et al.: "AFL: A Single-Round Analytic Approach for Federated Learning
 *   with Pre-trained Models", https://arxiv.org/abs/2405.16240): X^T X and X^T Y, with a column of
 *   ones behind those of X. Sums of several agents are those of their data together.
 *
 *   One safetensors file, `__metadata__.format` `regmean-head/1`: `inputs`, the packed upper
 *   triangle of X^T X, F64 [(d+1)(d+2)/2]; `targets`, X^T Y, F64 [d+1, outputs]; `__metadata__`:
 *   `head`, the rest as JSON.
 */
import { RegmeanError } from '../errors.ts';
import { jsonProblem, parseJson } from '../files/json-text.ts';
import type { Matrix } from '../linalg/matrix.ts';
import { openSafetensors } from '../safetensors/open-safetensors.ts';
import { writeSafetensors } from '../safetensors/write-safetensors.ts';
import { taskKinds } from '../task.ts';
import { firstNotFinite, formatShape, sameShape } from '../tensor.ts';
import { z } from '../zod.ts';
import { sha256Schema } from './base-identity.ts';
import { checkGramValues } from './check-gram-values.ts';
import { packedLength, unpackSymmetric } from './gram-packing.ts';

/** Name of the file in a contribution folder. */
export const headFile = 'head.safetensors';

const headFormat = 'regmean-head/1';

const headSchema = z.strictObject({
  agent: z.string().min(1).max(100),
  task: z.enum(taskKinds),
  /** In the order of the columns of Y; none for regression, whose Y is one column. */
  classes: z.array(z.string()),
  /** Fingerprint of the model whose layer reads X. */
  model: sha256Schema,
  /** The layer's module. */
  layer: z.string().min(1),
  /** Features of X, without the ones. */
  inputs: z.int().positive(),
  outputs: z.int().positive(),
  examples: z.int().positive(),
  /** Examples, or the tokens among them that have a label. */
  rows: z.int().positive(),
});

/** What the statistics are of. */
export type HeadDescription = z.output<typeof headSchema>;

/** An agent's statistics of a head. */
export interface HeadStatistics extends HeadDescription {
  /** X^T X, [inputs + 1, inputs + 1]; the last row and column are of the ones. */
  readonly gram: Matrix;
  /** X^T Y, [inputs + 1, outputs]: Y is 1 for classes that apply and 0 for others, or the value. */
  readonly cross: Matrix;
}

/** Writes statistics of a head, atomically. */
export async function writeHeadStatistics(
  path: string,
  { gram, cross, ...head }: HeadStatistics,
): Promise<void> {
  const packed = packExactly(gram);
  await writeSafetensors(
    path,
    [
      { name: 'inputs', shape: [packed.length], data: packed },
      { name: 'targets', shape: [cross.rows, cross.columns], data: cross.data },
    ],
    { format: headFormat, head: JSON.stringify(head) },
  );
}

/**
 * Reads statistics of a head.
 *
 * @throws RegmeanError `invalid-input` or `refused` when the file is none, naming the rule
 */
export async function readHeadStatistics(path: string): Promise<HeadStatistics> {
  const file = await openSafetensors(path);
  try {
    const head = described(path, file.metadata);
    const size = head.inputs + 1;
    const read = async (name: string, shape: readonly number[]): Promise<Float64Array> => {
      const entry = file.tensors.get(name);
      if (entry === undefined || !sameShape(entry.shape, shape)) {
        const got = entry === undefined ? 'there is none' : `got ${formatShape(entry.shape)}`;
        throw invalid(`${path}: tensor ${name} must have shape ${formatShape(shape)}, ${got}`);
      }
      return file.readFloat64(name);
    };
    const packed = await read('inputs', [packedLength(size)]);
    const targets = await read('targets', [size, head.outputs]);
    checkGramValues(`${path}: inputs`, packed, size, 'packed');
    if (packed.at(-1) !== head.rows) {
      throw invalid(`${path}: inputs must count ${head.rows} rows, got ${packed.at(-1)}`);
    }
    if (firstNotFinite(targets) >= 0) throw invalid(`${path}: targets must be finite`);
    return {
      ...head,
      gram: { rows: size, columns: size, data: unpackSymmetric(packed, size) },
      cross: { rows: size, columns: head.outputs, data: targets },
    };
  } finally {
    await file.close();
  }
}

function described(path: string, metadata: ReadonlyMap<string, string>): HeadDescription {
  if (metadata.get('format') !== headFormat) {
    throw new RegmeanError('invalid-input', `${path}: must hold statistics of a head (${headFormat})`, {
      hint: 'make them with: regmean head-stats',
    });
  }
  let json: unknown;
  try {
    json = parseJson(metadata.get('head') ?? '');
  } catch (cause) {
    throw invalid(`${path}: metadata head ${jsonProblem(cause)}`);
  }
  const parsed = headSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw invalid(`${path}: metadata head: ${issue?.path.join('.')}: ${issue?.message}`);
}

/** The upper triangle as it is, in float64. */
function packExactly({ rows, data }: Matrix): Float64Array {
  const packed = new Float64Array(packedLength(rows));
  let position = 0;
  for (let row = 0; row < rows; row++) {
    packed.set(data.subarray(row * rows + row, (row + 1) * rows), position);
    position += rows - row;
  }
  return packed;
}

function invalid(message: string): RegmeanError {
  return new RegmeanError('invalid-input', message);
}
