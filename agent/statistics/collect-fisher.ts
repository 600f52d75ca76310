import type { FisherToWrite } from '../../shared/contribution/write-fisher.ts';
import type { EncodedExample } from '../../shared/examples/example.ts';
import type { Model } from '../../shared/models/model-folder.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import { createFisherPass } from './fisher-graph.ts';
import { type FisherPassOptions, walkCotangents } from './fisher-walk.ts';
import { requireFinite } from './require-finite.ts';

const names = { activity: 'collecting Fisher information', flag: '--fisher' } as const;

/**
 * Diagonal Fisher information F = E_x E_y[(d log p(y|x) / d theta)^2] of every parameter (paper,
 * Section 3.1), dropout off.
 *
 * @throws RegmeanError `usage` for a variant that the task or the data cannot have
 */
export async function collectFisher(
  model: Model,
  examples: readonly EncodedExample[],
  options: FisherPassOptions,
  context: RunContext,
): Promise<FisherToWrite> {
  const createPass = () => createFisherPass(model, model.weights, context.compute);
  const walked = await walkCotangents(createPass, model, examples, options, names, context);
  const { sums } = walked.pass;
  for (const [name, { data }] of sums) {
    for (let i = 0; i < data.length; i++) data[i] = (data[i] as number) / walked.terms;
    requireFinite(`Fisher: ${name}`, data);
  }
  const { variant, reduction } = options;
  return { tensors: sums, variant, reduction, examples: walked.examples };
}
