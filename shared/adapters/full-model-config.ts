/** @file config.json of a full model, and the names of its classes. */
import { RegmeanError } from '../errors.ts';
import { labelsOf, outputNames } from '../models/labels.ts';
import { architectureOf, isKnownArchitecture } from '../models/registry.ts';
import { type ConfigChanges, headMembers } from '../models/written-config.ts';
import type { TensorToWrite } from '../safetensors/write-safetensors.ts';
import { isLanguageTask, type TaskKind } from '../task.ts';

/**
 * Names of the classes: those given, the base's, or numbers up to the size of the head that the
 * adapter brings.
 */
export function labelsFor(
  { task, labels }: { readonly task: TaskKind; readonly labels?: readonly string[] },
  baseConfig: Readonly<Record<string, unknown>>,
  tensors: readonly TensorToWrite[],
): readonly string[] {
  if (isLanguageTask(task)) return [];
  const head = tensors.findLast(
    ({ name, shape }) => shape.length === 2 && /(^|\.)(classifier|score)(\.out_proj)?\.weight$/.test(name),
  );
  const count = head?.shape[0];
  const named = labels ?? labelsOf(baseConfig, task, 'base');
  if (labels !== undefined && count !== undefined && labels.length !== count) {
    throw new RegmeanError(
      'usage',
      `--labels: must be ${count}, the outputs of ${head?.name}, got ${labels.length}`,
    );
  }
  const fits = count === undefined || named.length === count;
  return outputNames(task, fits ? named : Array.from({ length: count }, (_, id) => `LABEL_${id}`));
}

/** What config.json of the base says differently for the task and its classes. */
export function configChangesFor(
  baseConfig: Readonly<Record<string, unknown>>,
  task: TaskKind,
  labels: readonly string[],
): ConfigChanges {
  const { model_type: modelType } = baseConfig;
  const className = isKnownArchitecture(modelType) ? architectureOf(modelType).classNames[task] : undefined;
  return headMembers(task, labels, className);
}
