/**
 * @file What agents contribute to a second merge: the same weights, with Grams of what layers read
 *   in the first one (`agent/steps/grams-in-model.ts`).
 */
import type { FixedMethod } from './automatic.ts';
import { type CollectRequest, collect, type StoredContribution } from './collect.ts';
import type { ExperimentContext } from './context.ts';
import { planMerge } from './merge.ts';

/**
 * Collects Grams in the merge of contributions.
 *
 * @param requests what the contributions were collected by
 */
export async function collectInMerge(
  context: ExperimentContext,
  contributions: readonly StoredContribution[],
  requests: readonly CollectRequest[],
  method: FixedMethod,
): Promise<readonly StoredContribution[]> {
  const { ridgeHead: _, ...first } = method;
  const merge = planMerge(context, contributions, first);
  const again: StoredContribution[] = [];
  try {
    for (const request of requests) {
      const folder = async (): Promise<string> => {
        await merge.make();
        return merge.folderFor(request.model.name);
      };
      again.push(await collect({ ...request, inputsFrom: { key: merge.key, folder } }, context));
    }
  } finally {
    await merge.remove();
  }
  return again;
}
