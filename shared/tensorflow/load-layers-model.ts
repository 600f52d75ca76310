/** @file A LayersModel for a task, as commands need it. */
import { RegmeanError } from '../errors.ts';
import { classesInConfig, type HeadOutputs, headOutputs } from '../models/classes.ts';
import { configJsonBeside } from '../models/config-json.ts';
import type { RunContext } from '../runtime/run-context.ts';
import { isLanguageTask, type TaskKind } from '../task.ts';
import { firstNotFinite } from '../tensor.ts';
import { type LayersModelFile, openLayersModel } from './layers-model.ts';
import type { TensorFlow } from './library.ts';
import { buildNetwork, type LayersNetwork } from './network.ts';

/** A LayersModel that can run, for a task. */
export interface BuiltLayersModel {
  /** As it was given. */
  readonly path: string;
  readonly file: LayersModelFile;
  readonly network: LayersNetwork;
  readonly task: TaskKind;
}

/** A LayersModel with its task and classes. */
export interface LoadedLayersModel extends BuiltLayersModel, HeadOutputs {}

/**
 * Builds a LayersModel for a task.
 *
 * @throws RegmeanError `invalid-input` for weights that are not finite
 */
export async function buildLayersModel(
  path: string,
  task: TaskKind,
  context: Pick<RunContext, 'note'>,
): Promise<BuiltLayersModel> {
  if (isLanguageTask(task))
    throw new RegmeanError('unsupported', `${path}: a LayersModel cannot be used for ${task}`);
  const file = await openLayersModel(path);
  requireFinite(path, file);
  const network = await buildNetwork(file, task, context);
  announce(network.tensorFlow, context);
  return { path, file, network, task };
}

/**
 * Says which classes the outputs of a LayersModel are.
 *
 * @param classes their names; those of config.json, or LABEL_0 .. when absent
 * @throws RegmeanError `usage` when the model has another number of outputs than classes
 */
export async function withHeadClasses(
  built: BuiltLayersModel,
  classes?: readonly string[],
): Promise<LoadedLayersModel> {
  const { path, file, network, task } = built;
  const own = headOutputs(task, classes ?? (await classesBeside(file.folder, task, network.outputs)));
  if (own.outputs !== network.outputs) {
    const named =
      task === 'regression' ? 'one value' : `each of the ${own.outputs} classes ${own.classes.join(', ')}`;
    throw new RegmeanError(
      'usage',
      `${path}: has ${network.outputs} outputs, ${task} needs one for ${named}`,
      { hint: 'the outputs of a LayersModel are what it was built with: build it for these classes' },
    );
  }
  return { ...built, ...own };
}

/** Builds a LayersModel for a task, with classes as `withHeadClasses` gives them. */
export async function loadLayersModel(
  path: string,
  task: TaskKind,
  context: Pick<RunContext, 'note'>,
  classes?: readonly string[],
): Promise<LoadedLayersModel> {
  return withHeadClasses(await buildLayersModel(path, task, context), classes);
}

function requireFinite(path: string, { weights }: LayersModelFile): void {
  for (const [name, { data }] of weights) {
    const at = firstNotFinite(data);
    if (at < 0) continue;
    throw new RegmeanError(
      'invalid-input',
      `${path}: weight ${name} must be finite, got ${data[at]} at element ${at}`,
    );
  }
}

const announced = new Set<string>();

/** Says what computes, once: a search opens many models. */
function announce({ core, backend }: TensorFlow, context: Pick<RunContext, 'note'>): void {
  const line = `TensorFlow.js ${core.version_core}, backend ${backend}`;
  if (!announced.has(line)) context.note(line);
  announced.add(line);
}

async function classesBeside(folder: string, task: TaskKind, outputs: number): Promise<readonly string[]> {
  return classesInConfig({ num_labels: outputs, ...(await configJsonBeside(folder)) }, task, folder);
}
