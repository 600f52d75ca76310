/** @file An adapter as a contribution: its two files, and what they are from. */
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openAdapterFactors } from '../../shared/adapters/adapter-factors.ts';
import { adapterWeightsFile } from '../../shared/adapters/adapter-tensors.ts';
import { copyAdapterConfig } from '../../shared/adapters/write-adapter-config.ts';
import { baseIdentity } from '../../shared/contribution/base-identity.ts';
import { writeContribution } from '../../shared/contribution/write-contribution.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { toolVersion } from '../../shared/files/tool-version.ts';
import { hasClasses } from '../../shared/models/classes.ts';
import type { StatisticsOptions } from '../statistics/statistics-options.ts';

/** Which adapter, and what is said of it. */
export type AdapterContribution = Pick<
  StatisticsOptions,
  'model' | 'task' | 'out' | 'agent' | 'base' | 'labels' | 'shareMetrics'
>;

/**
 * Writes the contribution of an adapter: no data is read, and the base stays where it is.
 *
 * @throws RegmeanError when the adapter cannot be merged as one, naming the key, or its base is not
 *   the one that it was trained on
 */
export async function contributeAdapter(options: AdapterContribution): Promise<void> {
  const { model, task, agent, base, labels } = options;
  const adapter = await openAdapterFactors(model, {
    ...{ base, task },
    ...(labels === undefined ? {} : { labels }),
  });
  try {
    const { record } = adapter;
    const identity = await baseIdentity(adapter.base);
    const known = record?.baseFingerprint;
    if (known !== undefined && known !== identity.baseFingerprint) {
      throw new RegmeanError(
        'invalid-input',
        `${adapter.base}: must be the base ${known} of ${model}, its fingerprint is ${identity.baseFingerprint}`,
      );
    }
    await writeContribution(options.out, {
      writeModel: async (folder) => {
        await copyAdapterConfig(folder, adapter.config);
        await copyFile(join(model, adapterWeightsFile), join(folder, adapterWeightsFile));
      },
      grams: [],
      layers: new Map(),
      manifest: {
        ...{ agent, ...identity, task },
        labels: hasClasses(task) ? [...adapter.labels] : [...(record?.labels ?? [])],
        ...(record?.seenLabels === undefined ? {} : { seenLabels: record.seenLabels }),
        ...(record?.examples === undefined ? {} : { trainingExamples: record.examples }),
        metrics: options.shareMetrics ? (record?.metrics ?? {}) : {},
        tool: toolVersion,
      },
    });
  } finally {
    await adapter.close();
  }
}
