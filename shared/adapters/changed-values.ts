/** @file The values of a parameter after its changes, and the checks that its tensors fit. */
import { RegmeanError } from '../errors.ts';
import { firstNotFinite, formatShape, sameShape } from '../tensor.ts';
import type { AdapterConfig } from './adapter-config.ts';
import { isTargetParameter } from './adapter-targets.ts';
import { type AdapterTensors, readFinite } from './adapter-tensors.ts';
import { applyUpdate, blockDiagonal, transposeMatrix } from './apply-update.ts';
import type { BaseModel } from './base-model.ts';
import type { PlannedParameter } from './full-model-plan.ts';
import type { ModuleUpdate } from './parameter-changes.ts';

/** What the values of a full model are made of. */
export interface ValueSources {
  readonly base: BaseModel;
  readonly adapter: AdapterTensors;
  readonly config: AdapterConfig;
}

/**
 * Values of a parameter of the full model.
 *
 * @throws RegmeanError `invalid-input` when a value of the base, of the adapter or of the result is
 *   not finite
 */
export async function changedValues(
  { base, adapter, config }: ValueSources,
  parameter: PlannedParameter,
): Promise<Float32Array> {
  const { name, shape, from, change } = parameter;
  const { file } = adapter;
  let values =
    change.whole === null ? await base.read(from ?? name) : await readFinite(file, change.whole.tensor);
  if (change.rows !== null) {
    const rows = await readFinite(file, change.rows.tensor);
    const width = shape[1] ?? 0;
    values = values.slice();
    for (const [index, token] of change.rows.tokens.entries()) {
      values.set(rows.subarray(index * width, (index + 1) * width), token * width);
    }
  }
  // PEFT updates the weight that the rows were set in.
  if (change.update !== null) {
    values = await updatedValues({ base, adapter, config }, parameter, change.update, values);
  }
  if (change.added !== null) {
    const added = await readFinite(file, change.added.tensor);
    const factor = config.scalingOf(change.added.module);
    values = values.map((value, index) => value + factor * (added[index] ?? 0));
  }
  const at = firstNotFinite(values);
  if (at < 0) return values;
  throw new RegmeanError(
    'invalid-input',
    `${file.path}: ${name} must be finite after the update, got ${values[at]} at element ${at}`,
  );
}

async function updatedValues(
  sources: ValueSources,
  { name, shape: [rows = 0, columns = 0] }: PlannedParameter,
  own: ModuleUpdate,
  weight: Float32Array,
): Promise<Float32Array> {
  const { config, adapter } = sources;
  const { module, update } = own;
  const [outputs, inputs] = isTurned(sources, name, own) ? [columns, rows] : [rows, columns];
  const rank = rankOf(config, own);
  const blocks = config.blocksOf(module);
  const lowRank = {
    a: blockDiagonal(await readFinite(adapter.file, update.a), rank, inputs, blocks.a),
    b: blockDiagonal(await readFinite(adapter.file, update.b), outputs, rank, blocks.b),
    rank,
    scaling: config.scalingOf(module),
  };
  const magnitude = update.magnitude === null ? null : await readFinite(adapter.file, update.magnitude);
  if (!isTurned(sources, name, own)) return applyUpdate(weight, lowRank, magnitude);
  const turned = applyUpdate(transposeMatrix(weight, rows, columns), lowRank, magnitude);
  return transposeMatrix(turned, columns, rows);
}

/** The rank of the factors of an update. */
function rankOf(config: AdapterConfig, { module, tiedTo }: ModuleUpdate): number {
  return config.rankOf(tiedTo ?? module);
}

/** Whether a weight is stored [in, out] and must be turned around for B A. */
function isTurned({ base, config }: ValueSources, name: string, { module, update }: ModuleUpdate): boolean {
  if (update.isEmbedding) return true;
  if (isTargetParameter(module, config)) return false;
  return base.architecture === null ? config.fanInFanOut : base.inOutWeights.has(name);
}

/**
 * Checks the shapes of an adapter's tensors.
 *
 * @throws RegmeanError `invalid-input` naming the tensor
 */
export function requireFittingTensors(
  sources: ValueSources,
  { name, shape, change }: PlannedParameter,
): void {
  const { config, adapter } = sources;
  const { path, tensors } = adapter.file;
  const requireShape = (tensor: string, wanted: readonly (number | undefined)[], what: string): void => {
    const got = tensors.get(tensor)?.shape ?? [];
    const expected = wanted.map(Number);
    if (sameShape(got, expected)) return;
    throw new RegmeanError(
      'invalid-input',
      `${path}: tensor ${tensor} must be ${formatShape(expected)} for ${what}, got ${formatShape(got)}`,
    );
  };
  if (change.added !== null) requireShape(change.added.tensor, shape, name);
  if (change.rows !== null) {
    const { tensor, tokens } = change.rows;
    requireShape(tensor, [tokens.length, shape[1]], `${tokens.length} tokens of ${name}`);
    const beyond = tokens.find((token) => token >= (shape[0] ?? 0));
    if (beyond !== undefined) {
      throw new RegmeanError(
        'invalid-input',
        `${config.path}: trainable_token_indices must be below ${shape[0]}, the rows of ${name}, got ${beyond}`,
      );
    }
  }
  if (change.update === null) return;
  const { module, update } = change.update;
  const [outputs = 0, inputs = 0] = isTurned(sources, name, change.update) ? [...shape].reverse() : shape;
  const rank = rankOf(config, change.update);
  const blocks = config.blocksOf(module);
  const isPlain = update.magnitude === null && !isTargetParameter(module, config);
  if (blocks.a * blocks.b > 1 && (!isPlain || isTurned(sources, name, change.update))) {
    throw new RegmeanError(
      'unsupported',
      `${config.path}: use_bdlora must be absent for ${module}, which is no plain linear layer`,
      {
        hint: 'PEFT has no blocks of embeddings, Conv1D, DoRA and target parameters: are the files one adapter?',
      },
    );
  }
  const inBlocks = blocks.a * blocks.b > 1 ? ` in ${blocks.a * blocks.b} blocks` : '';
  const what = `${name} ${formatShape(shape)} and rank ${rank}${inBlocks}`;
  if (config.mayPoolInputs && tensors.get(update.a)?.shape[1] !== inputs) {
    throw new RegmeanError(
      'unsupported',
      `${config.path}: use_qalora must be absent for ${module}, whose update is of pooled inputs`,
      { hint: 'no weight of the base can say it, and PEFT cannot merge it either: train a LoRA without it' },
    );
  }
  requireShape(update.a, [rank, inputs / blocks.a], what);
  requireShape(update.b, [outputs, rank / blocks.b], what);
  if (update.magnitude !== null) requireShape(update.magnitude, [outputs], what);
  if (config.isDora !== (update.magnitude !== null)) {
    const found = update.magnitude === null ? 'has none' : 'has one without use_dora';
    throw new RegmeanError(
      'invalid-input',
      `${path}: ${module} must have a magnitude vector exactly with use_dora, ${found}`,
    );
  }
}
