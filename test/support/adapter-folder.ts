/** @file LoRA adapters as Hugging Face PEFT saves them, with random values. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createRandom, normal } from '../../shared/random.ts';
import { writeSafetensors } from '../../shared/safetensors/write-safetensors.ts';
import { type FloatTensor, sizeOf } from '../../shared/tensor.ts';

/** Random values of a shape. */
export function randomTensor(shape: readonly number[], seed: number): FloatTensor {
  const random = createRandom(seed);
  return { shape, data: Float32Array.from({ length: sizeOf(shape) }, () => 0.3 * normal(random)) };
}

/** Writes an adapter folder: tensors by their names after `base_model.model.`. */
export async function writeAdapter(
  folder: string,
  tensors: Readonly<Record<string, FloatTensor>>,
  config: object = {},
): Promise<string> {
  await mkdir(folder, { recursive: true });
  const named = Object.entries(tensors).map(([name, tensor]) => ({
    name: `base_model.model.${name}`,
    ...tensor,
  }));
  await writeSafetensors(join(folder, 'adapter_model.safetensors'), named);
  await writeFile(
    join(folder, 'adapter_config.json'),
    JSON.stringify({
      peft_type: 'LORA',
      r: 2,
      lora_alpha: 8,
      base_model_name_or_path: 'org/base',
      ...config,
    }),
  );
  return folder;
}
