import { readdir, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { writeFolderAtomically } from '../files/atomic-folder.ts';
import { writeJsonAtomically } from '../files/atomic-write.ts';
import { sha256OfFile } from '../files/checksum.ts';
import { type FisherVariant, fisherFile } from './fisher.ts';
import type { LayerWeight } from './layer-weights.ts';
import { type ContributionManifest, manifestFile, manifestSchema } from './manifest.ts';
import { outputGramsFile } from './output-grams.ts';
import { type FisherToWrite, writeFisher } from './write-fisher.ts';
import { type DenseGramToWrite, type GramToWrite, gramsFile, writeGrams } from './write-grams.ts';
import { type NormSums, normsFile, writeNorms } from './write-norms.ts';

/** Output Grams, and what they are of. */
export interface OutputGramsToWrite {
  readonly grams: readonly DenseGramToWrite[];
  /** Module name of every linear layer -> name of the Gram of its outputs' gradients. */
  readonly layers: ReadonlyMap<string, string>;
  readonly weights: ReadonlyMap<string, LayerWeight>;
  readonly variant: FisherVariant;
  readonly examples: number;
}

/** What a contribution is made from. */
export interface ContributionSource {
  /** Writes the fine-tuned model's folder: weights, configuration, tokenizer. */
  readonly writeModel: (folder: string) => Promise<void>;
  readonly grams: readonly GramToWrite[];
  /** Module name of every linear layer -> name of the Gram of its input. */
  readonly layers: ReadonlyMap<string, string>;
  /** Weights of layers whose weight is not `<module>.weight` [out, in]. */
  readonly weights?: ReadonlyMap<string, LayerWeight>;
  readonly fisher?: FisherToWrite;
  /** Sums of normalisation layers; none when absent. */
  readonly norms?: readonly NormSums[];
  readonly outputGrams?: OutputGramsToWrite;
  /** The manifest, except for what is computed here. */
  readonly manifest: Omit<ContributionManifest, 'format' | 'files'>;
}

/**
 * Writes a contribution folder atomically: a copy of the model, `grams.safetensors`,
 * `fisher.safetensors` where there is Fisher information, `norms.safetensors` where there are sums
 * of normalisation layers, `output-grams.safetensors` where there are output Grams, and
 * `contribution.json`.
 *
 * @throws RegmeanError when `target` already holds something
 */
export async function writeContribution(
  target: string,
  source: ContributionSource,
): Promise<ContributionManifest> {
  return writeFolderAtomically(target, async (folder) => {
    await source.writeModel(folder);
    if (source.grams.length > 0) {
      await writeGrams(join(folder, gramsFile), source.grams, source.layers, source.weights);
    }
    if (source.norms !== undefined) await writeNorms(join(folder, normsFile), source.norms);
    if (source.fisher !== undefined) await writeFisher(join(folder, fisherFile), source.fisher);
    if (source.outputGrams !== undefined) {
      const { grams, layers, weights } = source.outputGrams;
      await writeGrams(join(folder, outputGramsFile), grams, layers, weights);
    }
    const manifest = manifestSchema.parse({
      format: 'regmean-contribution/1',
      ...source.manifest,
      files: await describeFiles(folder),
    });
    await writeJsonAtomically(join(folder, manifestFile), manifest);
    return manifest;
  });
}

/**
 * Size and SHA-256 of every file in a folder and those inside of it, except its manifest, by path.
 */
export async function describeFiles(folder: string): Promise<ContributionManifest['files']> {
  const files: ContributionManifest['files'] = {};
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  for (const path of paths.sort()) {
    const name = relative(folder, path).split(sep).join('/');
    if (name === manifestFile) continue;
    files[name] = { bytes: (await stat(path)).size, sha256: await sha256OfFile(path) };
  }
  return files;
}
