/** @file Opens a model of any kind. To add a kind: its file, and its place in the list here. */
import { huggingFace } from './hugging-face.ts';
import type { ModelFormat, OpenModel } from './model-format.ts';
import { onnx } from './onnx.ts';
import { tensorFlow } from './tensorflow.ts';
import { requireFinishedTraining } from './unfinished-training.ts';

/** Kinds of models; the first that a path holds is taken. */
const formats: readonly ModelFormat[] = [tensorFlow, onnx, huggingFace];

/** The kind of the model at a path. */
export async function formatOf(path: string): Promise<ModelFormat> {
  for (const format of formats) if (await format.holds(path)) return format;
  return huggingFace;
}

/**
 * Opens a model: a Hugging Face folder, an ONNX file or its folder, a LayersModel's file or folder.
 *
 * @throws RegmeanError `not-found` or `invalid-input` when it holds none, `unsupported` for models
 *   of other formats, with what they can be converted with
 */
export async function openModel(path: string): Promise<OpenModel> {
  const model = await (await formatOf(path)).open(path);
  try {
    await requireFinishedTraining(model.folder);
    return model;
  } catch (error) {
    await model.close();
    throw error;
  }
}

/** Opens a model, works with it, and closes it. */
export async function withModel<T>(path: string, work: (model: OpenModel) => Promise<T>): Promise<T> {
  const model = await openModel(path);
  try {
    return await work(model);
  } finally {
    await model.close();
  }
}
