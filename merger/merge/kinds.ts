import type { Contribution } from '../../shared/contribution/open-contribution.ts';
import { RegmeanError } from '../../shared/errors.ts';
import { onnxModelType } from '../../shared/onnx/open-onnx.ts';
import { layersModelType } from '../../shared/tensorflow/layers-model.ts';

/**
 * Checks that all contributions are models of one kind, before files that only one kind has are
 * looked for.
 *
 * @throws RegmeanError `invalid-input` naming two agents and their kinds
 */
export function requireOneKind([first, ...others]: readonly Contribution[]): void {
  for (const other of others) {
    if (first === undefined || kindOf(first) === kindOf(other)) continue;
    throw new RegmeanError(
      'invalid-input',
      `kinds of models: must be the same, ${first.agent} has ${kindOf(first)}, ${other.agent} has ${kindOf(other)}`,
      { hint: 'weights can be merged only where all agents fine-tuned the same base' },
    );
  }
}

function kindOf({ config }: Contribution): string {
  if (config.model_type === layersModelType) return 'a TensorFlow.js model';
  return config.model_type === onnxModelType ? 'an ONNX network' : 'a Hugging Face model';
}
