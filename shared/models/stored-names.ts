/**
 * The parameter that each tensor of a checkpoint is. Checkpoints of the bare backbone leave its
 * name out, and old ones call the weight and bias of LayerNorm gamma and beta. Tensors that are no
 * parameter of this model keep their names.
 *
 * @param tensors names in the file
 * @param parameters of the model, by name
 * @param backboneName what the backbone is called in a model with a head; empty where it has no
 *   name
 * @returns parameter -> tensor
 */
export function storedNames(
  tensors: Iterable<string>,
  parameters: ReadonlyMap<string, unknown>,
  backboneName: string,
): Map<string, string> {
  const stored = new Set(tensors);
  const parameterOf = (tensor: string): string => {
    const modern = tensor
      .replace(/LayerNorm\.gamma$/, 'LayerNorm.weight')
      .replace(/LayerNorm\.beta$/, 'LayerNorm.bias');
    const others = [modern, `${backboneName}.${modern}`].filter((name) => !stored.has(name));
    return [tensor, ...others].find((name) => parameters.has(name)) ?? tensor;
  };
  return new Map([...stored].map((tensor) => [parameterOf(tensor), tensor]));
}
