import { basename, join, resolve } from 'node:path';
import { RegmeanError } from '../errors.ts';
import { listFolder } from '../files/atomic-folder.ts';
import type { OpenModel } from '../formats/model-format.ts';
import { openModel } from '../formats/open-model.ts';
import type { TensorReader } from '../safetensors/open-safetensors.ts';
import { z } from '../zod.ts';
import { canonicalFisher, canonicalGrams, canonicalNorms } from './canonical-files.ts';
import { fisherFile } from './fisher.ts';
import { type ContributionManifest, manifestFile, readManifest } from './manifest.ts';
import { type FisherFile, openFisher } from './open-fisher.ts';
import { type GramFile, openGrams } from './open-grams.ts';
import { type NormFile, openNorms } from './open-norms.ts';
import { outputGramsFile } from './output-grams.ts';
import { gramsFile } from './write-grams.ts';
import { normsFile } from './write-norms.ts';

const configSchema = z.looseObject({
  model_type: z.string().optional(),
  id2label: z.record(z.string(), z.string()).optional(),
});

/** A contribution folder, open for reading. */
export interface Contribution {
  readonly folder: string;
  /** The manifest's agent; the folder's name for a folder without manifest. */
  readonly agent: string;
  /** Absent for model folders that were made elsewhere. */
  readonly manifest: ContributionManifest | undefined;
  readonly model: OpenModel;
  /** config.json */
  readonly config: z.infer<typeof configSchema>;
  /** Class names in the order of the head's outputs; absent when config.json has no `id2label`. */
  readonly labels: readonly string[] | undefined;
  /** The model's weights, like Grams and Fisher information under the names of its network. */
  readonly weights: TensorReader;
  /** Absent when the folder has no `grams.safetensors`. */
  readonly grams: GramFile | undefined;
  /** Absent when the folder has no `fisher.safetensors`. */
  readonly fisher: FisherFile | undefined;
  /** Absent when the folder has no `norms.safetensors`. */
  readonly norms: NormFile | undefined;
  /** Absent when the folder has no `output-grams.safetensors`. */
  readonly outputGrams: GramFile | undefined;
  close(): Promise<void>;
}

/**
 * Opens a contribution: a Hugging Face model folder, usually with `grams.safetensors` and
 * `contribution.json`. Headers are checked; values are not (see validate-contribution.ts).
 *
 * @throws RegmeanError when the folder, its config.json or its weights are missing or malformed
 */
export async function openContribution(folder: string): Promise<Contribution> {
  const model = await openModel(folder);
  let grams: GramFile | undefined;
  let fisher: FisherFile | undefined;
  let norms: NormFile | undefined;
  let outputGrams: GramFile | undefined;
  const close = async (): Promise<void> => {
    await model.close();
    await grams?.close();
    await fisher?.close();
    await norms?.close();
    await outputGrams?.close();
  };
  try {
    const names = (await listFolder(folder)) ?? [];
    const config = checkedConfig(folder, model.config.json);
    const manifest = names.includes(manifestFile) ? await readManifest(folder) : undefined;
    if (names.includes(gramsFile)) {
      grams = canonicalGrams(await openGrams(join(folder, gramsFile)), model.names);
    }
    if (names.includes(fisherFile)) {
      fisher = canonicalFisher(await openFisher(join(folder, fisherFile)), model.names);
    }
    if (names.includes(normsFile)) {
      norms = canonicalNorms(await openNorms(join(folder, normsFile)), model.names);
    }
    if (names.includes(outputGramsFile)) {
      outputGrams = canonicalGrams(await openGrams(join(folder, outputGramsFile)), model.names);
    }
    const agent = manifest?.agent ?? basename(resolve(folder));
    const { weights } = model;
    return {
      folder,
      agent,
      manifest,
      model,
      config,
      labels: labelsInOrder(config),
      weights,
      grams,
      fisher,
      norms,
      outputGrams,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * What a merge reads of config.json.
 *
 * @throws RegmeanError `invalid-input` naming a field of another type
 */
export function checkedConfig(folder: string, config: object): z.infer<typeof configSchema> {
  const parsed = configSchema.safeParse(config);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const problem = `${issue?.path.join('.')}: ${issue?.message}`;
  throw new RegmeanError('invalid-input', `${join(folder, 'config.json')}: ${problem}`);
}

function labelsInOrder(config: z.infer<typeof configSchema>): readonly string[] | undefined {
  if (config.id2label === undefined) return undefined;
  return Object.entries(config.id2label)
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([, label]) => label);
}
