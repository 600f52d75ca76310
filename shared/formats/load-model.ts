import type { LoadedModel, LoadRequest } from '../models/model-folder.ts';
import { requireGraphModel } from './model-format.ts';
import { withModel } from './open-model.ts';

/** A model in memory, and where its tokenizer lies. */
export interface ModelInFolder extends LoadedModel {
  readonly folder: string;
}

/**
 * Reads all of a model for a task.
 *
 * @throws RegmeanError `unsupported` for models that this project's own graphs do not compute;
 *   others as `readModel`
 */
export function loadModel(path: string, request: LoadRequest): Promise<ModelInFolder> {
  return withModel(path, async (model) => ({
    ...(await requireGraphModel(model, (kinds) => `${kinds} cannot be used for ${request.task}`).load(
      request,
    )),
    folder: model.folder,
  }));
}
