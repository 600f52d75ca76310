/** @file Checks the contribution of an adapter that arrived. */
import { type ContributionManifest, manifestFile, readManifest } from '../contribution/manifest.ts';
import {
  type ContributionExpectations,
  checkContributionManifest,
  checkListedFiles,
} from '../contribution/validate-contribution.ts';
import { RegmeanError } from '../errors.ts';
import { listFolder } from '../files/atomic-folder.ts';
import { withModel } from '../formats/open-model.ts';
import { adapterConfigFile } from '../models/config-json.ts';
import type { TaskKind } from '../task.ts';
import { type AdapterFactors, openAdapterFactors } from './adapter-factors.ts';
import { adapterWeightsFile, readFinite } from './adapter-tensors.ts';
import { type LoraPlan, type LowRankOptions, planLora } from './lora-plan.ts';

/** What a round asks of an adapter. */
export interface AdapterExpectations extends Pick<ContributionExpectations, 'agent' | 'baseFingerprint'> {
  readonly task: TaskKind;
  readonly labels: readonly string[];
  /** Folder of the base. */
  readonly base: string;
  readonly lora: LowRankOptions;
  readonly freeze: readonly RegExp[];
}

/**
 * Checks a contribution folder that must hold an adapter: manifest, files and their SHA-256, base
 * fingerprint, task and labels; that exactly the weights have updates, of the rank, and exactly the
 * parameters are whole that the round wants; every shape, and that all values are finite.
 *
 * @returns the manifest
 * @throws RegmeanError `refused`, naming file or tensor and the rule
 */
export async function validateAdapter(
  folder: string,
  expected: AdapterExpectations,
): Promise<ContributionManifest> {
  const names = (await listFolder(folder)) ?? [];
  const wanted = [adapterConfigFile, adapterWeightsFile, manifestFile];
  for (const name of wanted) {
    if (!names.includes(name)) throw refused(`${folder}: must hold ${name}`, 'the round wants adapters');
  }
  for (const name of names) {
    if (!wanted.includes(name)) throw refused(`${folder}: must hold an adapter alone, holds ${name}`);
  }
  const manifest = await readManifest(folder);
  checkContributionManifest(folder, manifest, expected);
  await checkListedFiles(folder, manifest);
  const { base, task, labels } = expected;
  const adapter = await openAdapterFactors(folder, { base, task, labels });
  try {
    const plan = await withModel(base, (model) =>
      planLora(model, { task, classes: labels, freeze: expected.freeze }, expected.lora),
    );
    checkParts(folder, adapter, plan);
    for (const [weight, factors] of adapter.updates) {
      const { a, b } = await factors.read();
      if ([a, b].every(({ data }) => data.every(Number.isFinite))) continue;
      throw refused(`${folder}: the update of ${weight} must be finite`);
    }
    for (const tensor of adapter.whole.values()) await readFinite(adapter.file, tensor);
    return manifest;
  } finally {
    await adapter.close();
  }
}

function checkParts(folder: string, { updates, whole }: AdapterFactors, plan: LoraPlan): void {
  const where = `${folder}/${adapterWeightsFile}`;
  for (const [weight, { rank }] of plan.updates) {
    const own = updates.get(weight)?.rank;
    if (own === rank) continue;
    throw refused(
      `${where}: ${weight} must have an update of rank ${rank}, ${own === undefined ? 'has none' : `got ${own}`}`,
    );
  }
  const stranger = [...updates.keys()].find((weight) => !plan.updates.has(weight));
  if (stranger !== undefined) throw refused(`${where}: ${stranger} must have no update, has one`);
  for (const name of plan.whole) if (!whole.has(name)) throw refused(`${where}: ${name} is missing`);
  const surplus = [...whole.keys()].find((name) => !plan.whole.has(name));
  if (surplus !== undefined) throw refused(`${where}: ${surplus} must not be in it`);
}

function refused(message: string, hint?: string): RegmeanError {
  return new RegmeanError('refused', message, hint === undefined ? {} : { hint });
}
