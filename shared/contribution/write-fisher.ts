import { writeSafetensors } from '../safetensors/write-safetensors.ts';
import type { StateDict } from '../tensor.ts';
import { type FisherReduction, type FisherVariant, fisherFormat } from './fisher.ts';

/** The diagonal Fisher information of a model. */
export interface FisherToWrite {
  /** Parameter name -> mean squared gradient, of the parameter's shape. */
  readonly tensors: StateDict;
  readonly variant: FisherVariant;
  readonly reduction: FisherReduction;
  readonly examples: number;
}

/** Writes `fisher.safetensors`. */
export async function writeFisher(path: string, fisher: FisherToWrite): Promise<void> {
  const { tensors, variant, reduction, examples } = fisher;
  await writeSafetensors(
    path,
    [...tensors].map(([name, { shape, data }]) => ({ name, shape, data })),
    { format: fisherFormat, variant, reduction, examples: String(examples) },
  );
}
