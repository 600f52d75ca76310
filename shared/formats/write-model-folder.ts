import { join } from 'node:path';
import { type ConfigText, configFile } from '../models/config-json.ts';
import type { ModelIdentity } from '../models/model-graph.ts';
import { copyTravellingFiles } from '../models/side-files.ts';
import { type ConfigChanges, headMembers, writeConfig } from '../models/written-config.ts';
import { isFloatDtype } from '../safetensors/dtype.ts';
import { type ModelWeights, weightsFile } from '../safetensors/model-weights.ts';
import type { TensorReader } from '../safetensors/open-safetensors.ts';
import { fillSafetensors } from '../safetensors/write-safetensors.ts';
import { copyFiles } from './copy-files.ts';

/** A folder as it lies there, and what it is read as. */
export interface SourceFolder {
  readonly path: string;
  readonly given: ConfigText;
  readonly files: ModelWeights;
  readonly config: ConfigText;
  /** Under canonical names. */
  readonly weights: TensorReader;
}

/** The class that a folder is written for. */
export interface TargetClass extends ModelIdentity {
  /** Its parameters. */
  readonly parameters: Pick<ReadonlyMap<string, unknown>, 'has' | 'keys' | 'size'>;
}

/**
 * Writes a model folder as its class has it: the parameters under their names, no others, in their
 * element types. A folder that is so already is copied, and one of a family that is not known.
 */
export async function writeModelFolder(
  to: string,
  source: SourceFolder,
  target: TargetClass | null,
): Promise<void> {
  const { path, files, weights } = source;
  await copyTravellingFiles(path, to);
  const changes = target === null ? {} : classChanges(source.config, target);
  if (source.given === source.config && Object.keys(changes).length === 0) {
    await copyFiles(path, to, [configFile]);
  } else {
    await writeConfig(to, source.config.text, dtypeOf(weights), changes);
  }
  if (target === null || holdsExactly(files, target.parameters)) return copyFiles(path, to, files.files);
  const specs = [...target.parameters.keys()].flatMap((name) => {
    const entry = weights.tensors.get(name);
    return entry === undefined ? [] : [{ name, shape: entry.shape, dtype: entry.dtype }];
  });
  await fillSafetensors(join(to, weightsFile), specs, { format: 'pt' }, async (sink) => {
    for (const { name } of specs) await sink.write(name, await weights.readBytes(name));
  });
}

/** What config.json must say of the class where it names another. */
function classChanges(
  { json, text }: ConfigText,
  { architecture, task, classes }: TargetClass,
): ConfigChanges {
  const className = architecture.classNames[task];
  const named: readonly unknown[] = Array.isArray(json.architectures) ? json.architectures : [];
  return className === undefined || named.includes(className)
    ? {}
    : headMembers(task, classes, className, text);
}

function holdsExactly({ tensors }: ModelWeights, parameters: TargetClass['parameters']): boolean {
  return tensors.size === parameters.size && [...tensors.keys()].every((name) => parameters.has(name));
}

/** The element type of the weights: that of the first. */
function dtypeOf({ tensors }: TensorReader): 'F16' | 'BF16' | 'F32' | 'F64' {
  for (const { dtype } of tensors.values()) if (isFloatDtype(dtype)) return dtype;
  return 'F32';
}
