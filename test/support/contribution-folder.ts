import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TensorToWrite, writeSafetensors } from '../../shared/safetensors/write-safetensors.ts';

/** What a small contribution made by hand holds. */
export interface ContributionFolder {
  readonly tensors: readonly TensorToWrite[];
  /** Square Grams by module. */
  readonly grams?: readonly TensorToWrite[];
  /** Square means of output Grams by module. */
  readonly outputGrams?: readonly TensorToWrite[];
  /** Fisher information by parameter. */
  readonly fisher?: readonly TensorToWrite[];
  readonly fisherMetadata?: Readonly<Record<string, string>>;
  /** Row counts of the Grams, which are then sums. */
  readonly rows?: Readonly<Record<string, number>>;
  /** Default: a family that is not known here, with the labels no and yes. */
  readonly config?: object;
}

const defaultConfig = { model_type: 'custom', id2label: { 0: 'no', 1: 'yes' } };

/**
 * Writes a Hugging Face model folder with Grams as they are made elsewhere: square, named by
 * module, no manifest.
 */
export async function writeContributionFolder(folder: string, content: ContributionFolder): Promise<string> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'config.json'), JSON.stringify(content.config ?? defaultConfig));
  await writeSafetensors(join(folder, 'model.safetensors'), content.tensors, { format: 'pt' });
  if (content.grams !== undefined) {
    const metadata = content.rows === undefined ? {} : { rows: JSON.stringify(content.rows) };
    await writeSafetensors(join(folder, 'grams.safetensors'), content.grams, metadata);
  }
  if (content.outputGrams !== undefined) {
    await writeSafetensors(join(folder, 'output-grams.safetensors'), content.outputGrams, {});
  }
  if (content.fisher !== undefined) {
    await writeSafetensors(join(folder, 'fisher.safetensors'), content.fisher, content.fisherMetadata ?? {});
  }
  return folder;
}
