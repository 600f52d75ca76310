/**
 * What sessions compute with. A command makes one from its flags and hands it down as it is, so
 * that a new choice is a field here and no parameter anywhere.
 */
export interface Compute {
  /** Threads of one run; ONNX Runtime's own choice (one per core) when absent. */
  readonly threads?: number;
  /**
   * `sleep`: threads that have nothing to do leave the processor to others at once, instead of
   * looking for more for a while. For work with pauses between runs; absent where a run has many
   * short nodes.
   */
  readonly idle?: 'sleep';
}

/** What ONNX Runtime chooses by itself. */
export const defaultCompute: Compute = {};

/** The choice that flags make. */
export function computeOf({ threads }: { readonly threads?: number | undefined }): Compute {
  return threads === undefined ? defaultCompute : { threads };
}
