/** @file Which modules PEFT puts an update on: what the keys `target_modules` and so on mean. */
import { RegmeanError } from '../errors.ts';
import type { ParameterDeclaration } from '../models/scope.ts';
import type { AdapterConfig } from './adapter-config.ts';
import type { AdapterTensors } from './adapter-tensors.ts';
import { pythonPattern } from './python-pattern.ts';

/** PEFT's word for every linear layer. */
const everyLinearLayer = 'all-linear';

/**
 * Whether PEFT updates a module.
 *
 * @param module its name as the adapter's tensors write it
 * @returns null where the adapter does not say, or in a pattern that cannot be read here
 */
export function isTargeted(
  module: string,
  { targets, modulesToSave }: Pick<AdapterConfig, 'targets' | 'modulesToSave'>,
): boolean | null {
  const { modules, excluded, layers } = targets;
  if (modules === null || modules === everyLinearLayer) return null;
  const isExcluded = isNamed(module, excluded);
  if (isExcluded !== false) return isExcluded === null ? null : false;
  if (modulesToSave.some((saved) => `.${module}.`.includes(`.${saved}.`))) return false;
  if (typeof modules === 'string') return isNamed(module, modules);
  // Numbers of layers choose among modules that are named by their ends.
  if (modules.includes(module)) return true;
  if (!isNamed(module, modules)) return false;
  return layers.length === 0 || isOfLayers(module, targets);
}

/** Whether a module's name, or its end behind a dot, is in a list, or its whole name a pattern. */
function isNamed(module: string, names: string | readonly string[]): boolean | null {
  if (typeof names === 'string') return pythonPattern(`^(?:${names})$`)?.test(module) ?? null;
  return names.some((name) => module === name || module.endsWith(`.${name}`));
}

function isOfLayers(module: string, { layers, layerLists }: AdapterConfig['targets']): boolean | null {
  const patterns =
    layerLists.length === 0
      ? ['^.*?\\.[^.]*\\.(\\d+)\\.']
      : layerLists.map((list) => `^(?:.*?\\.)?(?:${list})\\.(\\d+)\\.`);
  for (const source of patterns) {
    const pattern = pythonPattern(source);
    if (pattern === null) return null;
    const layer = pattern.exec(module)?.at(-1);
    if (layer !== undefined) return layers.includes(Number(layer));
  }
  return false;
}

/** What the checks below compare an adapter with. */
export interface TargetedModel {
  /** Shapes of the base's parameters. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** Parameters of the model, some of which the base has not. */
  readonly parameters: ReadonlyMap<string, ParameterDeclaration>;
  /** A parameter as the adapter spells it, whose model may be the bare backbone. */
  spelled(parameter: string): string;
}

/**
 * Checks that an adapter has an update for every module of the base that it is for, and for no
 * other: PEFT would leave such an update out.
 *
 * @throws RegmeanError `invalid-input` naming the module
 */
export function requireTargetedModules(
  { file, updates }: AdapterTensors,
  config: AdapterConfig,
  { shapes, parameters, spelled }: TargetedModel,
): void {
  for (const module of updates.keys()) {
    if (isTargeted(module, config) !== false || isTargetParameter(module, config) || config.ensuresTying) {
      continue;
    }
    throw new RegmeanError(
      'invalid-input',
      `${config.path}: target_modules must name ${module}, which ${file.path} has an update of`,
      { hint: 'PEFT leaves such an update out: are the two files of one adapter?' },
    );
  }
  for (const [name, { inHead }] of parameters) {
    const module = spelled(name).replace(/\.weight$/, '');
    const isMatrix = name.endsWith('.weight') && shapes.get(name)?.length === 2;
    if (inHead || !isMatrix || updates.has(module) || isTargeted(module, config) !== true) continue;
    throw new RegmeanError(
      'invalid-input',
      `${file.path}: target module ${module} must have LoRA tensors, has none`,
      { hint: `${config.path} names it in target_modules: is the file of the weights whole?` },
    );
  }
}

/**
 * Checks that the modules that an adapter trained as a whole are in it.
 *
 * @throws RegmeanError `invalid-input` naming the module
 */
export function requireSavedModules(
  { file, whole }: AdapterTensors,
  { path, modulesToSave }: AdapterConfig,
  { parameters, spelled }: TargetedModel,
): void {
  const isOf = (module: string, name: string): boolean => `.${name}`.includes(`.${module}.`);
  for (const module of modulesToSave) {
    const own = [...parameters.keys()].find((name) => isOf(module, spelled(name)));
    if (own === undefined || [...whole.keys()].some((name) => isOf(module, name))) continue;
    throw new RegmeanError('invalid-input', `${file.path}: must hold ${spelled(own)}, has no such tensor`, {
      hint: `${path} names ${module} in modules_to_save: is the file of the weights whole?`,
    });
  }
}

/**
 * Whether a parameter is updated as it is stored, because the adapter names it and not its module.
 */
export function isTargetParameter(module: string, { targetParameters }: AdapterConfig): boolean {
  const name = `${module}.weight`;
  return targetParameters.some((target) => name === target || name.endsWith(`.${target}`));
}
