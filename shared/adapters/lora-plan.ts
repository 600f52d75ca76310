/**
 * @file What an adapter of a base is trained of: which weights get an update of low rank, and which
 *   parameters are trained as a whole. Everything else stays as it is in the base.
 */
import { RegmeanError } from '../errors.ts';
import type { OpenModel } from '../formats/model-format.ts';
import { headOutputs } from '../models/classes.ts';
import type { WeightUpdates } from '../models/low-rank.ts';
import { isLanguageTask, type TaskKind } from '../task.ts';
import { sameShape } from '../tensor.ts';

/** Which weights get an update of low rank. */
export interface LowRankOptions {
  readonly rank: number;
  /** The updates are multiplied by alpha / rank; twice the rank when absent. */
  readonly alpha?: number | undefined;
  /** Modules, or ends of their names; every linear layer of the encoder when absent. */
  readonly targets?: readonly string[] | undefined;
}

/** What an adapter is for. */
export interface LoraPurpose {
  readonly task: TaskKind;
  readonly classes: readonly string[];
  /** Parameters that stay as they are in the base. */
  readonly freeze: readonly RegExp[];
}

/** The parts of an adapter. */
export interface LoraPlan {
  readonly updates: WeightUpdates;
  /** Parameters of the head that are trained as a whole; language tasks keep the base's head. */
  readonly whole: ReadonlySet<string>;
}

/**
 * Modules that PEFT trains as a whole unasked, by ends of their names, and what lies inside of
 * them.
 */
const savedByPeft = /(classifier|score)(\.|$)/;

/**
 * Chooses the parts of an adapter. A layer of the head that the base brings, as a pooler, gets an
 * update like those of the encoder, unless PEFT would train it as a whole.
 *
 * @throws RegmeanError `unsupported` for a network whose head is fixed or whose layers are not
 *   known; `usage` when a target matches no layer
 */
export async function planLora(
  base: OpenModel,
  { task, classes, freeze }: LoraPurpose,
  { rank, alpha = 2 * rank, targets }: LowRankOptions,
): Promise<LoraPlan> {
  const declared = base.hasFixedHead ? null : base.parametersFor(task, classes);
  const known = declared === null ? null : await base.linearLayers(task, classes);
  if (declared === null || known === null) {
    throw new RegmeanError(
      'unsupported',
      `${base.path}: an adapter needs a Hugging Face model, got ${base.kind}`,
    );
  }
  const isFrozen = (name: string): boolean => freeze.some((pattern) => pattern.test(name));
  const isBrought = (name: string): boolean => {
    const stored = base.weights.tensors.get(name)?.shape;
    return stored !== undefined && sameShape(stored, declared.get(name)?.value.shape.map(Number) ?? []);
  };
  const { outputs } = headOutputs(task, classes);
  const inHead = known.layers.filter(
    (layer) =>
      layer.kind === 'head' &&
      layer.outputs !== outputs &&
      !isLanguageTask(task) &&
      isBrought(layer.weight) &&
      !savedByPeft.test(layer.module),
  );
  const layers = known.layers.filter(
    (layer) =>
      (layer.kind === 'encoder' || inHead.includes(layer)) &&
      layer.weight.endsWith('.weight') &&
      !isFrozen(layer.weight),
  );
  const matches = (module: string, target: string): boolean =>
    module === target || module.endsWith(`.${target}`);
  for (const target of targets ?? []) {
    if (layers.some(({ module }) => matches(module, target))) continue;
    const ends = [...new Set(layers.map(({ module }) => module.split('.').at(-1)))].join(', ');
    throw new RegmeanError('usage', `lora targets: must match linear layers, ${target} matches none`, {
      hint: `names of layers end with ${ends}`,
    });
  }
  const chosen = layers.filter(({ module }) => targets?.some((target) => matches(module, target)) ?? true);
  const scaling = alpha / rank;
  const kept = new Set(inHead.flatMap(({ weight, bias }) => (bias === null ? [weight] : [weight, bias])));
  return {
    updates: new Map(
      chosen.map(({ weight, orientation }) => [
        weight,
        { rank, scaling, isTurned: orientation === 'in-out' },
      ]),
    ),
    whole: new Set(
      [...declared].flatMap(([name, own]) =>
        own.inHead && !isLanguageTask(task) && !kept.has(name) && !isFrozen(name) ? [name] : [],
      ),
    ),
  };
}
