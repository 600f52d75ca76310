import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { openModelWeights } from '../../shared/safetensors/model-weights.ts';
import { type TensorToWrite, writeSafetensors } from '../../shared/safetensors/write-safetensors.ts';
import type { FloatTensor } from '../../shared/tensor.ts';

/** A tensor of a model folder. */
export interface NamedTensor extends FloatTensor {
  readonly name: string;
}

/** Copies config.json and the weights of a model to another folder, the weights changed. */
export async function copyModel(
  from: string,
  to: string,
  change: (tensors: readonly NamedTensor[]) => readonly TensorToWrite[],
): Promise<void> {
  const file = await openModelWeights(from);
  const tensors: NamedTensor[] = [];
  for (const name of file.tensors.keys()) tensors.push({ name, ...(await file.readFloat32(name)) });
  await file.close();
  await writeSafetensors(join(to, 'model.safetensors'), change(tensors));
  await cp(join(from, 'config.json'), join(to, 'config.json'));
}
