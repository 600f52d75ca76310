/**
 * @file config.json as this program writes it, whoever does: the one that it was read from, with
 *   what the written model is. Every other member keeps its text, because readers tell 1.0 from 1.
 */
import { join } from 'node:path';
import { writeAllAtomically } from '../files/atomic-write.ts';
import { changeJson, type JsonMembers, jsonMembers, jsonObjectText } from '../files/json-text.ts';
import type { FloatDtype } from '../safetensors/dtype.ts';
import { isLanguageTask, type TaskKind } from '../task.ts';
import { hasClasses, numberedClasses, problemTypeOf } from './classes.ts';
import { configFile } from './config-json.ts';

/** Members of config.json to set, or with `undefined` to leave out. */
export type ConfigChanges = Readonly<Record<string, unknown>>;

const dtypeNames: Readonly<Record<FloatDtype, string>> = {
  F16: 'float16',
  BF16: 'bfloat16',
  F32: 'float32',
  F64: 'float64',
};

/**
 * Where config.json says what the weights are: `dtype` since transformers 5, `torch_dtype` before.
 */
const dtypeKeys = ['dtype', 'torch_dtype'] as const;

/**
 * The text of config.json beside written weights: their element type in the members that named it
 * before, in configurations inside of it too, and without the path that it was loaded from. Where
 * no member named it, float32 is what readers assume, and any other is said in `torch_dtype`, which
 * every version reads.
 *
 * @param text config.json as it was read
 * @param dtype element type of the written weights
 * @param changes what else is different
 */
export function writtenConfig(text: string, dtype: FloatDtype, changes: ConfigChanges = {}): string {
  const name = dtypeNames[dtype];
  const changed = jsonMembers(changeJson(text, { _name_or_path: undefined, ...changes })) ?? new Map();
  const isTold = dtype === 'F32' || [...changed.keys()].some(isDtypeKey);
  const added = isTold ? {} : { torch_dtype: name };
  return changeJson(jsonObjectText(withDtype(changed, name)), added);
}

/** Writes config.json of a model folder, atomically, with what `writtenConfig` takes. */
export async function writeConfig(
  folder: string,
  text: string,
  dtype: FloatDtype,
  changes: ConfigChanges = {},
): Promise<void> {
  await writeAllAtomically(join(folder, configFile), writtenConfig(text, dtype, changes));
}

/** What config.json says of classes, in the order of the logits. */
export function classMembers(classes: readonly string[]): ConfigChanges {
  return {
    num_labels: undefined,
    id2label: Object.fromEntries(classes.map((name, id) => [String(id), name])),
    label2id: Object.fromEntries(classes.map((name, id) => [name, id])),
  };
}

/**
 * What config.json says of a head.
 *
 * @param className of Hugging Face's class for the task, where it is known
 * @param classes of tasks that have classes
 * @param configText what config.json said before, whose name for the value of a regression is kept
 */
export function headMembers(
  task: TaskKind,
  classes: readonly string[],
  className: string | undefined,
  configText?: string,
): ConfigChanges {
  return {
    ...(className === undefined ? {} : { architectures: [className] }),
    ...(isLanguageTask(task) ? {} : { ...outputMembers(task, classes, configText), problem_type: undefined }),
    ...problemTypeOf(task),
  };
}

/** What config.json says of what a head says; the value of a regression keeps its one name. */
function outputMembers(task: TaskKind, classes: readonly string[], configText?: string): ConfigChanges {
  if (hasClasses(task)) return classMembers(classes);
  const before = configText === undefined ? undefined : jsonMembers(configText)?.get('id2label');
  const names = before === undefined ? null : jsonMembers(before);
  const keepsName = names?.size === 1 && names.has('0');
  return keepsName ? { num_labels: undefined } : classMembers(numberedClasses(1));
}

/** What a configuration without a head leaves out. */
export const withoutHead: ConfigChanges = {
  architectures: undefined,
  id2label: undefined,
  label2id: undefined,
  num_labels: undefined,
  problem_type: undefined,
};

/** Members with their dtype, which keep their text where they have none. */
function withDtype(members: JsonMembers, dtype: string): JsonMembers {
  return new Map(
    [...members].map(([key, value]) => {
      if (isDtypeKey(key)) return [key, JSON.stringify(dtype)];
      const inner = key.endsWith('_config') ? jsonMembers(value) : null;
      if (inner === null || !namesDtype(inner)) return [key, value];
      return [key, jsonObjectText(withDtype(inner, dtype)).trimEnd().replaceAll('\n', '\n  ')];
    }),
  );
}

function namesDtype(members: JsonMembers): boolean {
  return [...members].some(([key, value]) => {
    const inner = key.endsWith('_config') ? jsonMembers(value) : null;
    return isDtypeKey(key) || (inner !== null && namesDtype(inner));
  });
}

function isDtypeKey(key: string): boolean {
  return dtypeKeys.some((own) => own === key);
}
