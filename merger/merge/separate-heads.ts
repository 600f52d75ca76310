/**
 * @file A fused encoder with each agent's own head: a complete model folder per agent beside the
 *   encoder.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { classParameters } from '../../shared/contribution/contribution-layers.ts';
import type { Contribution } from '../../shared/contribution/open-contribution.ts';
import { RegmeanError } from '../../shared/errors.ts';
import type { OpenModel } from '../../shared/formats/model-format.ts';
import { isFloatDtype } from '../../shared/safetensors/dtype.ts';
import { weightsFile } from '../../shared/safetensors/model-weights.ts';
import { openSafetensors } from '../../shared/safetensors/open-safetensors.ts';
import { fillSafetensors } from '../../shared/safetensors/write-safetensors.ts';
import { headFolder } from '../../shared/wire/agent-models.ts';
import { copyCompanions } from './companions.ts';

/**
 * Checks that agents' names can be folders.
 *
 * @throws RegmeanError `usage`
 */
export function requireFolderNames(contributions: readonly Contribution[]): void {
  for (const { agent } of contributions) {
    if (/^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(agent)) continue;
    throw new RegmeanError(
      'usage',
      `heads separate: an agent's name becomes a folder and must be plain, got ${agent}`,
      { hint: 'letters, digits, dots, dashes and underscores' },
    );
  }
}

/**
 * Writes `heads/<agent>/`: the fused encoder, this agent's head, configuration and tokenizer.
 *
 * @param folder the fused folder, its encoder already written
 * @param encoder names of the fused parameters
 * @param base has the side files that contributions do not hold
 */
export async function writeAgentModels(
  folder: string,
  contributions: readonly Contribution[],
  encoder: ReadonlySet<string>,
  base?: OpenModel,
): Promise<void> {
  const fused = await openSafetensors(join(folder, weightsFile));
  try {
    for (const contribution of contributions) {
      const { agent, weights } = contribution;
      const target = join(folder, headFolder(agent));
      await mkdir(target, { recursive: true });
      await copyCompanions(contribution.model, target, { base });
      const own = classParameters(contribution);
      const specs = [...weights.tensors]
        .filter(([name]) => own?.has(name) ?? true)
        .map(([name, { shape, dtype }]) => ({
          ...{ name, shape },
          dtype: isFloatDtype(dtype) ? ('F32' as const) : dtype,
        }));
      await fillSafetensors(join(target, weightsFile), specs, { format: 'pt' }, async (sink) => {
        for (const { name, dtype } of specs) {
          const source = encoder.has(name) ? fused : weights;
          await sink.write(
            name,
            dtype === 'F32' ? (await source.readFloat32(name)).data : await source.readBytes(name),
          );
        }
      });
    }
  } finally {
    await fused.close();
  }
}
