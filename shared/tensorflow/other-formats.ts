/** @file What is of TensorFlow or Keras and no LayersModel, and how one is made of it. */
import { RegmeanError } from '../errors.ts';

/**
 * Checks that a path is no Keras file, and a folder that holds no other model no SavedModel or
 * Keras file.
 *
 * @param names files of the folder; null for a file
 * @throws RegmeanError `unsupported` with the command that converts it
 */
export function refuseOtherFormats(path: string, names: readonly string[] | null): void {
  if (names?.some((name) => /^(config|model)\.json$|\.(onnx|safetensors)$/.test(name)) === true) return;
  const isSavedModel = names?.includes('saved_model.pb') === true;
  const file = names === null ? path : names.find((name) => /\.(h5|keras)$/.test(name));
  if (isSavedModel) {
    throw refusal(
      path,
      'a SavedModel',
      `--input_format keras_saved_model --output_format tfjs_layers_model ${path}`,
    );
  }
  const from = names === null ? path : `${path}/${file}`;
  if (file?.endsWith('.h5') === true) throw refusal(from, 'a Keras file', `--input_format keras ${from}`);
  if (file?.endsWith('.keras') === true)
    throw refusal(from, 'a Keras file', `--input_format keras_keras ${from}`);
}

function refusal(path: string, what: string, options: string): RegmeanError {
  return new RegmeanError('unsupported', `${path}: must be a LayersModel of TensorFlow.js, is ${what}`, {
    hint: `pip install tensorflowjs, then tensorflowjs_converter ${options} model, and --model model`,
  });
}

/**
 * Checks that a model.json is a LayersModel's.
 *
 * @throws RegmeanError `unsupported` for a graph model
 */
export function refuseGraphModel(file: string, format: unknown): void {
  if (format !== 'graph-model') return;
  throw new RegmeanError(
    'unsupported',
    `${file}: is a graph model, only layers models can be fine-tuned and merged`,
    {
      hint: 'convert the Keras model anew: tensorflowjs_converter --output_format tfjs_layers_model',
    },
  );
}
