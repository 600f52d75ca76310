/** @file Whether a LayersModel can read examples: TensorFlow.js' own failures name no row. */
import { RegmeanError } from '../errors.ts';
import type { EncodedExample } from '../examples/example.ts';
import type { LayersNetwork } from './network.ts';

/**
 * Checks examples before they are run.
 *
 * @throws RegmeanError `invalid-input` for a row with fewer tokens than the model can read, or a
 *   token that its embedding has no row for
 */
export function requireReadable(
  { inputs, shortest }: Pick<LayersNetwork, 'inputs' | 'shortest'>,
  examples: readonly EncodedExample[],
): void {
  for (const { inputIds, source } of examples) {
    const where = `${source.file}, row ${source.row}`;
    if (inputIds.length < shortest) {
      throw new RegmeanError(
        'invalid-input',
        `${where}: must have at least ${shortest} tokens for the model's convolutions, has ${inputIds.length}`,
        {
          hint: "leave out such short rows, or build the model with padding 'same' or an input of a fixed length",
        },
      );
    }
    const stray = inputIds.find((id) => id < 0 || id >= inputs.vocabSize);
    if (stray !== undefined) {
      throw new RegmeanError(
        'invalid-input',
        `${where}: token ids must be below ${inputs.vocabSize}, the rows of the model's embedding, got ${stray}`,
        { hint: 'does tokenizer.json belong to this model?' },
      );
    }
  }
}

/** Runs a model on a batch; what TensorFlow.js cannot run is told with the batch's first row. */
export function runOn<T>(examples: readonly EncodedExample[], indices: readonly number[], run: () => T): T {
  try {
    return run();
  } catch (cause) {
    const first = examples[indices[0] ?? 0];
    if (cause instanceof RegmeanError || first === undefined) throw cause;
    const { inputIds, source } = first;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new RegmeanError(
      'unsupported',
      `${source.file}, row ${source.row}: TensorFlow.js cannot run the model on its batch (${inputIds.length} tokens): ${reason}`,
      { cause },
    );
  }
}
