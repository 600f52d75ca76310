/** @file How large the files of a contribution to a given base model can be at most. */

/** The most bytes that a file of this name may have. */
export type UploadLimits = (name: string) => number;

const mebibyte = 1024 * 1024;
/** Tokenizer, configuration and text files; the largest vocabularies in use stay under 40 MiB. */
const smallFileBytes = 64 * mebibyte;
/** Room for a safetensors header and for a task head that the base model does not have. */
const slackBytes = 64 * mebibyte;
/** Statistics may come as float64. */
const bytesPerElement = 8;

/**
 * Limits from the shapes of the base model: weights and Fisher may have one element per parameter,
 * and Grams at most one square of the larger side for every matrix that is not an embedding.
 *
 * @param shapes shape by parameter name
 */
export function limitsFor(shapes: ReadonlyMap<string, readonly number[]>): UploadLimits {
  let parameters = 0;
  let gramElements = 0;
  for (const [name, shape] of shapes) {
    parameters += shape.reduce((product, dim) => product * dim, 1);
    if (shape.length === 2 && !/embed|wte|wpe/.test(name)) gramElements += Math.max(...shape) ** 2;
  }
  const weightBytes = parameters * bytesPerElement + slackBytes;
  const gramBytes = gramElements * bytesPerElement + slackBytes;
  return (name) => {
    if (name === 'grams.safetensors') return gramBytes;
    return name.endsWith('.safetensors') ? weightBytes : smallFileBytes;
  };
}
