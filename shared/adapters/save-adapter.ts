/** @file A model with updates of low rank, saved as an adapter of Hugging Face PEFT. */
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { writeJsonAtomically } from '../files/atomic-write.ts';
import { adapterConfigFile } from '../models/config-json.ts';
import { factorNames, type WeightUpdates } from '../models/low-rank.ts';
import type { Model } from '../models/model-folder.ts';
import { writeSafetensors } from '../safetensors/write-safetensors.ts';
import { peftTask } from './adapter-factors.ts';
import { adapterWeightsFile } from './adapter-tensors.ts';

/** What PEFT puts before the names of the model. */
const prefix = 'base_model.model.';

/**
 * Writes the factors and what was trained as a whole: what `PeftModel.from_pretrained` puts onto
 * the base.
 *
 * @param whole parameters that were trained, those of the head among them
 * @param base folder of the base, which the adapter names
 */
export async function saveAdapter(
  folder: string,
  model: Model,
  updates: WeightUpdates,
  whole: Iterable<string>,
  base: string,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const head = new Set([...whole].filter((name) => model.headParameters.has(name)));
  const factors = [...updates.keys()].flatMap((weight) => Object.values(factorNames(weight)));
  const tensors = [...factors, ...head].flatMap((name) => {
    const tensor = model.weights.get(name);
    return tensor === undefined ? [] : [{ name: prefix + name, shape: tensor.shape, data: tensor.data }];
  });
  await writeSafetensors(join(folder, adapterWeightsFile), tensors, { format: 'pt' });
  const [first] = updates.values();
  const rank = first?.rank ?? 1;
  const modules = modulesOf(model.weights.keys());
  const targets = [...updates.keys()].map(moduleOf);
  await writeJsonAtomically(join(folder, adapterConfigFile), {
    peft_type: 'LORA',
    task_type: peftTask(model.task),
    base_model_name_or_path: resolve(base),
    r: rank,
    lora_alpha: rank * (first?.scaling ?? 1),
    lora_dropout: 0,
    bias: 'none',
    fan_in_fan_out: [...updates.values()].some(({ isTurned }) => isTurned),
    target_modules: shortNames(targets, modules),
    modules_to_save: head.size === 0 ? null : wholeModules(head, model.weights.keys()),
    rank_pattern: {},
    alpha_pattern: {},
    use_rslora: false,
    use_dora: false,
    init_lora_weights: true,
    inference_mode: true,
  });
}

function moduleOf(parameter: string): string {
  return parameter.replace(/\.[^.]+$/, '');
}

function modulesOf(parameters: Iterable<string>): readonly string[] {
  return [...new Set([...parameters].filter((name) => !name.includes('.lora_')).map(moduleOf))];
}

/** The shortest ends of the targets' names that no other module has. */
function shortNames(targets: readonly string[], modules: readonly string[]): readonly string[] {
  const isTarget = new Set(targets);
  const endOf = (module: string): string => {
    const parts = module.split('.');
    for (let from = parts.length - 1; from > 0; from--) {
      const end = parts.slice(from).join('.');
      const isAlone = modules.every((own) => isTarget.has(own) || (own !== end && !own.endsWith(`.${end}`)));
      if (isAlone) return end;
    }
    return module;
  };
  return [...new Set(targets.map(endOf))].sort();
}

/** The outermost modules that hold nothing but some parameters. */
function wholeModules(parameters: ReadonlySet<string>, all: Iterable<string>): readonly string[] {
  const others = [...all].filter((name) => !parameters.has(name));
  const outermost = (name: string): string => {
    const parts = name.split('.');
    for (let count = 1; count < parts.length - 1; count++) {
      const module = parts.slice(0, count).join('.');
      if (!others.some((other) => other.startsWith(`${module}.`))) return module;
    }
    return moduleOf(name);
  };
  return [...new Set([...parameters].map(outermost))].sort();
}
