/** @file Adapters of one base, open to be merged. */
import { realpath } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import {
  type AdapterFactors,
  holdsAdapter,
  openAdapterFactors,
} from '../../shared/adapters/adapter-factors.ts';
import type { Contribution } from '../../shared/contribution/open-contribution.ts';
import { RegmeanError } from '../../shared/errors.ts';
import type { OpenModel } from '../../shared/formats/model-format.ts';
import { openModel } from '../../shared/formats/open-model.ts';
import type { Gemm } from '../../shared/linalg/gemm.ts';
import type { LayerIndex } from '../../shared/models/layer-index.ts';
import {
  type CoreSpace,
  coreBase,
  coreContribution,
  coreLayers,
  type NamedAdapter,
  openCoreSpace,
} from './core-contributions.ts';

/** Adapters as contributions, and what their merge is written with. */
export interface OpenAdapters {
  readonly contributions: readonly Contribution[];
  readonly adapters: readonly AdapterFactors[];
  readonly space: CoreSpace;
  /** The base as the contributions see it. */
  readonly base: OpenModel;
  readonly baseFingerprint: string;
  layers(): Promise<LayerIndex>;
}

/**
 * Whether folders hold adapters.
 *
 * @throws RegmeanError `invalid-input` where only some of them do
 */
export async function holdAdapters(folders: readonly string[]): Promise<boolean> {
  const found = await Promise.all(folders.map(holdsAdapter));
  if (!found.includes(true)) return false;
  const other = found.indexOf(false);
  if (other < 0) return true;
  const [adapter, model] = [folders[found.indexOf(true)], folders[other]];
  throw new RegmeanError(
    'invalid-input',
    `contributions: must be adapters or models, got the adapter ${adapter} and the model ${model}`,
    {
      hint: 'write the adapters as full models with `regmean adapter`, and their contributions with `regmean stats`',
    },
  );
}

/**
 * Opens adapters, whose base is the one given or else the one that they name.
 *
 * @param use.checkBase compares the base's fingerprint with those that adapters are said to be from
 * @throws RegmeanError when an adapter cannot be read, is more than factors, or their bases, tasks
 *   or weights differ
 */
export async function openAdapters(
  folders: readonly string[],
  { base: given, checkBase }: { readonly base: string | undefined; readonly checkBase: boolean },
  gemm: Gemm,
): Promise<OpenAdapters> {
  const named: NamedAdapter[] = [];
  let model: OpenModel | undefined;
  try {
    for (const folder of folders) {
      const adapter = await openAdapterFactors(folder, { base: given });
      named.push({ agent: adapter.manifest?.agent ?? basename(resolve(folder)), adapter });
    }
    const base = await commonBase(named);
    model = await openModel(base);
    const baseFingerprint = await identifiedBase(model, named, checkBase);
    const open = model;
    const adapters = named.map(({ adapter }) => adapter);
    const [first] = adapters as [AdapterFactors, ...AdapterFactors[]];
    const space = openCoreSpace(gemm, named);
    return {
      contributions: named.map((own, index) => coreContribution(own, index, space, open)),
      base: coreBase(open, space, first.whole.keys()),
      layers: async () => coreLayers(space, await open.linearLayers(first.task, first.labels)),
      ...{ adapters, space, baseFingerprint },
    };
  } catch (error) {
    for (const { adapter } of named) await adapter.close();
    await model?.close();
    throw error;
  }
}

/** The one base that adapters are of. */
async function commonBase([first, ...others]: readonly NamedAdapter[]): Promise<string> {
  const own = first?.adapter.base ?? '';
  for (const { agent, adapter } of others) {
    if ((await realpath(adapter.base)) === (await realpath(own))) continue;
    throw new RegmeanError(
      'invalid-input',
      `base: must be the same, ${first?.agent} is an adapter of ${own}, ${agent} of ${adapter.base}`,
      {
        hint: 'adapters can be merged only where all are of one base; give the folder of the base with --base',
      },
    );
  }
  return own;
}

/** The fingerprint of the base, which those that adapters name must be. */
async function identifiedBase(
  base: OpenModel,
  adapters: readonly NamedAdapter[],
  isChecked: boolean,
): Promise<string> {
  const known = adapters.flatMap(({ agent, adapter: { manifest, record } }) => {
    const fingerprint = manifest?.baseFingerprint ?? record?.baseFingerprint;
    return fingerprint === undefined ? [] : [{ agent, fingerprint }];
  });
  const [first] = known;
  if (first === undefined) return base.fingerprint();
  const other = known.find(({ fingerprint }) => fingerprint !== first.fingerprint);
  if (other !== undefined) {
    throw new RegmeanError(
      'invalid-input',
      `base fingerprint: must be the same, ${first.agent} has ${first.fingerprint}, ${other.agent} has ${other.fingerprint}`,
    );
  }
  if (!isChecked || (await base.isIdentifiedBy(first.fingerprint))) return first.fingerprint;
  throw new RegmeanError(
    'invalid-input',
    `${base.path}: must be the base ${first.fingerprint}, its fingerprint is ${await base.fingerprint()}`,
  );
}
