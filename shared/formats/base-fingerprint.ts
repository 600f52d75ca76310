import { withModel } from './open-model.ts';

/** The fingerprint of a model of any kind; see fingerprint-weights.ts. */
export function baseFingerprint(path: string): Promise<string> {
  return withModel(path, (model) => model.fingerprint());
}
