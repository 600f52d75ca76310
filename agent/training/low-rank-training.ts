/**
 * @file Fine-tuning by updates of low rank: which weights get one, how its factors begin, and what
 *   else is trained. Everything that is not named here stays as it is in the base.
 */
import { RegmeanError } from '../../shared/errors.ts';
import type { GraphModel } from '../../shared/formats/model-format.ts';
import { factorNames, factorShapes, type WeightUpdates } from '../../shared/models/low-rank.ts';
import type { LoadedModel, Model } from '../../shared/models/model-folder.ts';
import { createRandom, deriveSeed } from '../../shared/random.ts';
import { isLanguageTask } from '../../shared/task.ts';
import { type FloatTensor, sizeOf } from '../../shared/tensor.ts';
import type { LowRankOptions, TrainingOptions } from './training-options.ts';

/** A model with updates, and the parameters of it that may be trained. */
export interface LowRankModel {
  readonly model: Model;
  readonly trained: ReadonlySet<string>;
}

/**
 * Puts an update beside the weights of the encoder's linear layers. A begins uniform as in PEFT, B
 * with zeros, so that the model begins as the base; equal seeds give equal factors. The head is
 * trained as a whole; language tasks keep the base's.
 *
 * @throws RegmeanError `unsupported` for a network whose head is fixed; `usage` when a target
 *   matches no layer
 */
export async function withUpdates(
  base: GraphModel,
  loaded: LoadedModel,
  { task, headSeed, freeze }: Pick<TrainingOptions, 'task' | 'headSeed' | 'freeze'>,
  lora: LowRankOptions,
): Promise<LowRankModel> {
  const { model } = loaded;
  if (base.hasFixedHead) {
    throw new RegmeanError(
      'unsupported',
      `--lora: ${base.path} is ${base.kind}, an adapter needs a Hugging Face model`,
    );
  }
  const { updates, kept } = await chooseUpdates(base, loaded, { task, freeze }, lora);
  const weights = new Map<string, FloatTensor>();
  const ofHead = isLanguageTask(task) ? [] : [...model.headParameters].filter((name) => !kept.has(name));
  const trained = new Set<string>(ofHead);
  for (const [name, tensor] of model.weights) {
    weights.set(name, tensor);
    const update = updates.get(name);
    if (update === undefined) continue;
    const names = factorNames(name);
    const shapes = factorShapes([tensor.shape[0] ?? 0, tensor.shape[1] ?? 0], update);
    weights.set(names.a, uniform(shapes.a, deriveSeed(headSeed, names.a)));
    weights.set(names.b, { shape: shapes.b, data: new Float32Array(sizeOf(shapes.b)) });
    trained.add(names.a).add(names.b);
  }
  return { model: { ...model, weights, updates }, trained };
}

/** The weights with an update, and what of the head is not trained as a whole therefore. */
interface ChosenUpdates {
  readonly updates: WeightUpdates;
  readonly kept: ReadonlySet<string>;
}

/**
 * Modules that PEFT trains as a whole unasked, by ends of their names, and what lies inside of
 * them.
 */
const savedByPeft = /(classifier|score)(\.|$)/;

/**
 * A layer of the head that the base brings, as a pooler, gets an update like those of the encoder.
 */
async function chooseUpdates(
  base: GraphModel,
  { model: { classes, outputs }, initialized }: LoadedModel,
  { task, freeze }: Pick<TrainingOptions, 'task' | 'freeze'>,
  { rank, alpha = 2 * rank, targets }: LowRankOptions,
): Promise<ChosenUpdates> {
  const isNew = new Set(initialized);
  const all = (await base.linearLayers(task, classes))?.layers ?? [];
  const brought = all.filter(
    ({ kind, outputs: own, weight, module }) =>
      kind === 'head' &&
      own !== outputs &&
      !isLanguageTask(task) &&
      !isNew.has(weight) &&
      !savedByPeft.test(module),
  );
  const layers = all.filter(
    (layer) =>
      (layer.kind === 'encoder' || brought.includes(layer)) &&
      layer.weight.endsWith('.weight') &&
      !freeze.some((own) => own.test(layer.weight)),
  );
  const matches = (module: string, target: string): boolean =>
    module === target || module.endsWith(`.${target}`);
  for (const target of targets ?? []) {
    if (layers.some(({ module }) => matches(module, target))) continue;
    const ends = [...new Set(layers.map(({ module }) => module.split('.').at(-1)))].join(', ');
    throw new RegmeanError('usage', `--lora-targets: must match linear layers, ${target} matches none`, {
      hint: `names of layers end with ${ends}`,
    });
  }
  const chosen = layers.filter(({ module }) => targets?.some((target) => matches(module, target)) ?? true);
  const ofChosen = { rank, scaling: alpha / rank };
  return {
    updates: new Map(
      chosen.map(({ weight, orientation }) => [weight, { ...ofChosen, isTurned: orientation === 'in-out' }]),
    ),
    kept: new Set(brought.flatMap(({ weight, bias }) => (bias === null ? [weight] : [weight, bias]))),
  };
}

/** Uniform between -1 / sqrt(columns) and 1 / sqrt(columns). */
function uniform(shape: readonly number[], seed: number): FloatTensor {
  const random = createRandom(seed);
  const bound = 1 / Math.sqrt(shape[1] ?? 1);
  return { shape, data: Float32Array.from({ length: sizeOf(shape) }, () => bound * (2 * random() - 1)) };
}
