import type { LayerWeight } from '../../shared/contribution/layer-weights.ts';
import type { OutputGramsOptions } from '../../shared/contribution/output-grams.ts';
import type { OutputGramsToWrite } from '../../shared/contribution/write-contribution.ts';
import type { EncodedExample } from '../../shared/examples/example.ts';
import { listed } from '../../shared/listed.ts';
import type { Model } from '../../shared/models/model-folder.ts';
import type { RunContext } from '../../shared/runtime/run-context.ts';
import { walkCotangents } from './fisher-walk.ts';
import { createOutputGramPass } from './output-gram-graph.ts';
import { requireFinite } from './require-finite.ts';
import type { PositionRowsChoice } from './statistics-options.ts';

/** How the pass walks over the data. */
export interface OutputGramPassOptions extends OutputGramsOptions {
  readonly seed: number;
  /** Default `excluded`. */
  readonly positionRows?: PositionRowsChoice;
}

const names = { activity: 'collecting output Grams', flag: '--output-grams' } as const;

/**
 * The output Gram of every linear layer that has a Gram: sums over examples, whose number is the
 * number of rows in the file, so that H is the mean.
 *
 * @throws RegmeanError `usage` for a variant that the task or the data cannot have
 */
export async function collectOutputGrams(
  model: Model,
  examples: readonly EncodedExample[],
  { variant, examples: most, seed, positionRows }: OutputGramPassOptions,
  context: RunContext,
): Promise<OutputGramsToWrite> {
  const walk = { variant, examples: most, reduction: 'example', batchSize: 1, seed } as const;
  const createPass = () => createOutputGramPass(model, model.weights, context.compute, positionRows);
  const { pass, examples: count } = await walkCotangents(createPass, model, examples, walk, names, context);
  if (pass.leftOut.length > 0) {
    const modules = listed(pass.leftOut.map(({ module }) => module));
    context.note(`output Grams: none of ${modules}, a class per token: merging takes its inputs alone`);
  }
  const grams = pass.layers.map((layer) => {
    const packed = pass.packed(layer);
    requireFinite(`output Grams: ${layer.module}`, packed);
    return { name: layer.module, dimension: layer.outputs, rows: count, packed };
  });
  const weights = pass.layers.map(({ module, weight, orientation }): [string, LayerWeight] => [
    module,
    { parameter: weight, orientation },
  ]);
  return {
    ...{ grams, variant, examples: count },
    layers: new Map(pass.layers.map(({ module }) => [module, module])),
    weights: new Map(weights),
  };
}
